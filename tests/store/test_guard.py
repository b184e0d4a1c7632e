"""SQL from people reads the views and does nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens.errors import QueryError
from tracelens.store import Store

REFUSED = {
    "copy (select 1) to '{file}'": "COPY is refused",
    "copy spans to '{segment}' (format parquet)": "COPY is refused",
    "with c as (copy (select 1) to '{file}') from c": "COPY inside a query is refused",
    "with c as (insert into live.loads from live.loads returning *) from c": "INSERT inside",
    "with c as (delete from live.loads returning *) from c": "DELETE inside",
    "with c as (update live.loads set final = true returning *) from c": "UPDATE inside",
    "select * from (with c as (copy (select 1) to '{file}') from c)": "COPY inside",
    "select 1 where exists (with c as (copy (select 1) to '{file}') from c)": "COPY inside",
    "explain analyze copy (select 1) to '{file}'": "EXPLAIN ANALYZE is refused",
    "/* */ explain  -- x\n analyze select 1": "refused|syntax",
    "explain (analyze) select 1": "EXPLAIN ANALYZE is refused",
    "explain (analyze, format json) select 1": "EXPLAIN ANALYZE is refused",
    "explain (format json, analyze) select 1": "refused|syntax",
    "explain copy (select 1) to '{file}'": "COPY is refused",
    "select 1; select 2": "2 statements are refused",
    "select 1; drop view spans": "2 statements are refused",
    "": "the query is empty",
    "-- nothing": "the query is empty",
    "attach '{file}'": "ATTACH is refused",
    "attach '{file}' (type sqlite)": "ATTACH is refused",
    "set threads = 1": "SET is refused",
    "reset threads": "RESET is refused",
    "pragma version": "PRAGMA is refused",
    "call pragma_version()": "CALL is refused",
    "install json": "INSTALL is refused",
    "load json": "LOAD is refused",
    "create table t as select 1": "CREATE is refused",
    "create or replace view spans as select 1": "CREATE is refused",
    "drop view spans": "DROP is refused",
    "insert into live.loads from live.loads": "INSERT is refused",
    "update live.loads set final = true": "UPDATE is refused",
    "delete from live.loads": "DELETE is refused",
    "use live": "USE is refused",
    "begin": "BEGIN is refused",
    "prepare p as select 1": "PREPARE is refused",
    "execute p": "EXECUTE is refused",
    "export database '{file}'": "EXPORT is refused",
    "checkpoint": "CHECKPOINT is refused",
    "vacuum": "VACUUM is refused",
    "pivot loads on path using count(*)": "PIVOT is refused",
    "from read_csv('{segment}')": "table function read_csv is refused",
    "from read_parquet('{segment}')": "table function read_parquet is refused",
    "from parquet_scan('{segment}')": "table function parquet_scan is refused",
    "from parquet_metadata('{segment}')": "table function parquet_metadata is refused",
    "from read_text('{segment}')": "table function read_text is refused",
    "from read_blob('{segment}')": "table function read_blob is refused",
    "from READ_JSON('{segment}')": "table function read_json is refused",
    "from glob('*')": "table function glob is refused",
    "from query('select 1')": "table function query is refused",
    "from query_table(['spans'])": "table function query_table is refused",
    "from json_execute_serialized_sql('{{}}')": "json_execute_serialized_sql is refused",
    "from spans, lateral (from read_text(spans.name))": "table function read_text is refused",
    "from '{segment}'": "is refused: queries read the views",
    'from "{segment}"': "is refused: queries read the views",
    "from foo.parquet": "foo.parquet is refused",
    "describe '{segment}'": "is refused: queries read the views",
    "summarize '{segment}'": "is refused: queries read the views",
    "from live.spans": "live.spans is refused",
    "from memory.live.spans": "memory.live.spans is refused",
    "select write_log('x')": "function write_log is refused",
    "select sleep_ms(100000)": "function sleep_ms is refused",
    "select $x": "parameters are refused",
    "select ?": "parameters are refused",
    "selec 1": "syntax error",
    "select " + "(" * 5_000 + "1" + ")" * 5_000: "max|deep|stack|memory|Parser",
}

#: With the number of rows, where it is ours to say.
ALLOWED = {
    "select count(*) from spans": 1,
    "from requests;": 2,
    "with r as (from requests) select * from r union all from r": 4,
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) from n": 3,
    "values (1), (2)": 2,
    "describe spans": None,
    "show tables": None,
    "summarize loads": None,
    "explain select 1": None,
    "EXPLAIN (FORMAT json) select 1": None,
    "-- hello\nselect 1": 1,
    "select unnest([1, 2]) as x": 2,
    "from range(3)": 3,
    'from "main"."spans"': 2,
    "from duckdb_views() where false": 0,
    "from information_schema.tables where false": 0,
    "select 1 as a, 2 as a": 1,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("guard"))
    rows = requests(request("a", failed=True), request("b", external_request_id="it's"))
    load(store, spans(span("a"), span("b")), rows)
    yield store
    store.close()


def disk(folder: Path) -> dict[str, str]:
    """Every file of the store that matters, with a digest."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def ask(store: Store, sql: str, rows: int = 100, seconds: float = 10) -> int:
    return store.user_query(sql, rows=rows, seconds=seconds).height


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:50])
def test_refused(store: Store, sql: str) -> None:
    before = disk(store.path.parent)
    (segment,) = (store.path / "segments").glob("spans-*")
    text = sql.format(file=store.path / "segments" / "stolen", segment=segment)
    with pytest.raises(QueryError, match=REFUSED[sql]):
        ask(store, text)
    assert disk(store.path.parent) == before
    assert ask(store, "from spans") == 2


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(store: Store, sql: str) -> None:
    found = ask(store, sql)
    assert ALLOWED[sql] in (found, None)


def test_a_refusal_says_what_is_allowed(store: Store) -> None:
    with pytest.raises(QueryError, match="ATTACH is refused: only one SELECT"):
        ask(store, "attach 'x'")


def test_the_database_suggests_names(store: Store) -> None:
    with pytest.raises(QueryError, match='requestz does not exist! Did you mean "requests"') as one:
        ask(store, "from requestz")
    with pytest.raises(QueryError, match=r'"falled" not found.*Candidate bindings: .*"failed"'):
        ask(store, "select falled from requests")
    assert "\n" not in str(one.value)


def test_one_row_more_than_asked_for(store: Store) -> None:
    assert ask(store, "from range(1000000)", rows=10) == 11
    assert ask(store, "from range(10)", rows=10) == 10
    assert store.user_query("from range(9) order by 1 desc", rows=1, seconds=9).rows() == [
        (8,),
        (7,),
    ]


def test_equal_names_are_told_apart(store: Store) -> None:
    found = store.user_query("select 1 as a, 2 as a, 3 as a_1, 4 as a", rows=1, seconds=9)
    assert found.row(0) == (1, 2, 3, 4)
    assert len(set(found.columns)) == 4


def test_a_long_query_is_stopped(store: Store) -> None:
    with pytest.raises(QueryError, match=r"stopped after 0\.2 s.*query_seconds"):
        ask(store, "select count(*) from range(10000000000) a, range(99) b", seconds=0.2)
    assert ask(store, "from spans") == 2


@pytest.mark.parametrize(
    "expression",
    [
        "failed",
        "failed and duration_ms is null or stage = 'reasoning'",
        "external_request_id = 'it''s'",
        "request_id in (select request_id from evidence)",
        "list_contains(models.reasoning, 'm')",
    ],
)
def test_expressions(store: Store, expression: str) -> None:
    store.check_expression(expression)
    store.query(f"from requests where ({expression}) and true")


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1",
        "stage",
        "failed or",
        "failed) or (failed",
        "failed -- the rest",
        "failed /* the rest",
        "failed limit 1",
        "failed order by 1",
        "failed group by all",
        "failed union select 1",
        "failed; drop view spans",
        "failed = $x",
        "count(*) > 1",
        "colour = 'red'",
        "exists (from read_text('x'))",
        "exists (from 'x.parquet')",
        "exists (with c as (copy (select 1) to 'x') from c)",
    ],
)
def test_refused_expressions(store: Store, expression: str) -> None:
    with pytest.raises(QueryError):
        store.check_expression(expression)
