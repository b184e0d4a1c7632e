"""`sql`, `schema` and `export`: reading only, and everything described."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.cli.test_requests import files
from tests.command import run
from tests.traces import ALL_SAMPLES, load, sample, tables


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to 'out.csv'",
        "copy requests to 'out.parquet'",
        "attach 'other.db'",
        "select 1; select 2",
        "explain analyze copy (select 1) to 'out.csv'",
        "explain analyze select 1",
        "with x as (copy (select 1) to 'out.csv') select * from x",
        "with x as (insert into requests values (1) returning *) select * from x",
        "insert into requests select * from requests",
        "update requests set failed = false",
        "delete from requests",
        "drop view requests",
        "create table t as select 1",
        "install httpfs",
        "load httpfs",
        "set memory_limit = '100GB'",
        "pragma database_list",
        "call pragma_version()",
        "export database 'out'",
        "vacuum",
        "checkpoint",
        "from read_csv('/etc/hostname')",
        "from read_text('/etc/hostname')",
        "from glob('/etc/*')",
        "from '/etc/hostname'",
        "select * from requests where request_id = $id",
        "",
        "   -- nothing",
        "selec 1",
    ],
)
def test_refused_statements_change_nothing(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(samples)
    ended = run("sql", query, "--store", samples)
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.startswith("tracelens: ")
    assert files(samples) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select 1 as a, 'x' as b, null as c", [{"a": 1, "b": "x", "c": None}]),
        ("select 1.5 as a, 2::decimal(9, 0) as b", [{"a": 1.5, "b": 2}]),
        ("select sum(x) as a from (values (1::bigint), (2)) v(x)", [{"a": 3}]),
        ("select 'nan'::double as a, '-inf'::double as b", [{"a": None, "b": None}]),
        ("select [1, null] as a, {'k': 'v'} as b", [{"a": [1, None], "b": {"k": "v"}}]),
        ("select 'ab'::blob as a, date '2026-11-25' as b", [{"a": "6162", "b": "2026-11-25"}]),
        ("select timestamp '2026-11-25 14:50:00' as a", [{"a": "2026-11-25T14:50:00Z"}]),
        ("select 1 as a, 2 as a", [{"a": 1, "a_1": 2}]),
        ("select 1 as a where false", []),
        ("with t as (select 7 as a) from t", [{"a": 7}]),
    ],
)
def test_values_in_json(samples: Path, query: str, rows: list[object]) -> None:
    ended = run("sql", query, "--store", samples)
    assert ended.code == 0, ended.err
    assert ended.rows() == rows


def test_a_cut_answer_says_so(samples: Path) -> None:
    ended = run("sql", "from range(10)", "--limit", "3", "--store", samples)
    assert ended.rows() == [{"range": 0}, {"range": 1}, {"range": 2}]
    assert ended.err == "only the first 3 rows; the query gives more (--limit)\n"
    whole = run("sql", "from range(3)", "--limit", "3", "--store", samples)
    assert (len(whole.rows()), whole.err) == (3, "")


def test_a_slow_query_is_stopped(samples: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[limits]\nquery_seconds = 0.2\n")
    slow = "select count(*) from range(1000000000) a, range(1000000) b where a.range + b.range = 3"
    ended = run("sql", slow, "--store", samples, "--policy", policy)
    assert ended.code == 2
    assert "stopped after 0.2 s" in ended.err


@pytest.mark.parametrize("shape", ["csv", "markdown", "json", "table"])
def test_other_formats(samples: Path, shape: str) -> None:
    query = "select '=1+1' as \"a|b\", 'x|y' as c"
    ended = run("sql", query, "--store", samples, "--format", shape)
    expected = {
        "csv": "a|b,c\n'=1+1,x|y\n",
        "markdown": "| a\\|b | c |\n|---|---|\n| =1+1 | x\\|y |\n",
        "json": '[\n  {\n    "a|b": "=1+1",\n    "c": "x|y"\n  }\n]\n',
        "table": "a|b   c  \n=1+1  x|y\n",
    }
    assert ended.out == expected[shape]


def test_csv_of_no_rows_keeps_its_header(samples: Path) -> None:
    ended = run("sql", "select 1 as a, 2 as b where false", "--store", samples, "--format", "csv")
    assert ended.out == "a,b\n"


def test_schema_needs_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = run("schema").rows()
    assert {row["view"] for row in rows} >= {"spans", "requests", "evidence", "loads"}
    assert all(row["sentence"] for row in rows)
    only = run("schema", "aliases").rows()
    assert [row["column"] for row in only] == [None, "request_id", "new_request_id"]
    assert list(tmp_path.iterdir()) == []


def test_export_writes_a_duckdb_file(tmp_path: Path) -> None:
    store, file = tmp_path / "store", tmp_path / "it's out.duckdb"
    load(store, sample("openinference_handoff_lost_not")).close()
    ended = run("export", "--duckdb", file, "--store", store)
    assert (ended.code, ended.out, ended.err) == (0, "", f"wrote {file}\n")
    with duckdb.connect(str(file), read_only=True) as database:
        assert database.sql("select boundary from requests").fetchall() == [
            ("transcription>reasoning",)
        ]
    again = run("export", "--duckdb", file, "--store", store)
    assert again.code == 2
    assert "exists and is not overwritten" in again.err
    assert run("export", "--duckdb", file, "--store", store, "--overwrite", "-q").err == ""


@pytest.mark.parametrize("name", ["log.sqlite", "segments/x.duckdb"])
def test_export_cannot_replace_a_part_of_the_store(tmp_path: Path, name: str) -> None:
    store = tmp_path / "store"
    load(store, sample("openinference_handoff_lost_not")).close()
    before = files(store)
    ended = run("export", "--duckdb", store / name, "--store", store, "--overwrite")
    assert ended.code == 2
    assert "is inside the store" in ended.err
    assert files(store) == before


def test_exported_spans_come_back_as_they_were(tmp_path: Path) -> None:
    store, again = tmp_path / "store", tmp_path / "again"
    load(store, *ALL_SAMPLES[:6]).close()
    target = tmp_path / "spans.jsonl"
    ended = run("export", "--otlp", target, "--store", store)
    assert (ended.code, ended.out) == (0, "")
    run("ingest", target, "--store", again)
    # Keys of `attrs` may stand in another order: content is equal where the hashes are, below.
    assert tables(again)["requests"] == tables(store)["requests"]
    repeated = run("ingest", target, "--store", store, "--format", "json").json()
    assert repeated["totals"]["spans_stored"] == 0


def test_export_writes_only_what_the_filters_choose(tmp_path: Path) -> None:
    store, target = tmp_path / "store", tmp_path / "some.jsonl"
    load(store, *ALL_SAMPLES[:8]).close()
    rows = run("requests", "--store", store).rows()
    failed = {row["trace_id"] for row in rows if row["failed"]}
    assert 0 < len(failed) < len({row["trace_id"] for row in rows})
    ended = run("export", "--otlp", target, "--failed", "--store", store)
    assert ended.err.startswith(f"{len(failed)} traces match\n")
    assert exported(target) == failed
    one = next(row for row in rows if not row["failed"])
    run("export", "--otlp", target, "--id", one["request_id"], "--overwrite", "--store", store)
    assert exported(target) == {one["trace_id"]}
    both = run("export", "--otlp", target, "--id", one["request_id"], "--failed", "--store", store)
    assert (both.code, both.out) == (4, "")
    assert "no request matches the filters; nothing was written" in both.err


def exported(file: Path) -> set[str]:
    """The trace ids in an OTLP/JSON lines file."""
    return set(re.findall(r'"traceId": ?"([0-9a-f]{32})"', file.read_text()))


def test_export_writes_a_parquet_file_per_view(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "tables"
    load(store, sample("openinference_handoff_lost_not")).close()
    assert run("export", "--parquet", folder, "--store", store).code == 0
    [row] = pl.read_parquet(folder / "requests.parquet").to_dicts()
    assert row["boundary"] == "transcription>reasoning"
    assert pl.read_parquet(folder / "spans.parquet").height == 4
