"""Committing: nothing twice, derived rows replaced, ids that stay resolvable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.frames import load, new_store, number, request, requests, span, spans, trace
from tracelens.model import REQUEST
from tracelens.store import LoadEntry, Store


def count(store: Store, view: str) -> int:
    return store.query(f"from {view}").height


def test_a_span_is_stored_once(store: Store) -> None:
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(span("a"), span("a", "leaf"), span("a")))
        fresh = writer.fresh(stage)
        assert (fresh.stored, fresh.duplicate, fresh.traces) == (2, 1, [trace("a")])
        writer.commit(fresh, requests(), fresh.traces, [LoadEntry({})])
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(span("a")))
        stage.add(spans(span("b")))
        fresh = writer.fresh(stage)
        assert (fresh.stored, fresh.duplicate, fresh.traces) == (1, 1, [trace("b")])
        writer.commit(fresh, requests(), fresh.traces, [LoadEntry({})])
    assert count(store, "spans") == 3


def test_other_content_is_kept_beside(store: Store) -> None:
    load(store, spans(span("a")))
    load(store, spans(span("a", status_code=2)))
    assert store.query("select count(distinct span_id) as n from spans")["n"].item() == 1
    assert count(store, "spans") == 2


def test_spans_without_a_start_are_stored_once(store: Store) -> None:
    load(store, spans(span("a", at=None), span("b", at=9)))
    load(store, spans(span("a", at=None), span("c", at=4)))
    load(store, spans(span("a", at=None)))
    assert count(store, "spans") == 3


def test_an_empty_stage_commits_its_report(store: Store) -> None:
    with store.stage() as stage, store.writer() as writer:
        fresh = writer.fresh(stage)
        writer.commit(fresh, requests(), [], [LoadEntry({"path": "empty.json"})])
    assert [each["path"] for each in store.loads()] == ["empty.json"]
    assert not list((store.path / "segments").iterdir())


def test_what_is_not_committed_vanishes(store: Store) -> None:
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(span("a")))
        assert writer.fresh(stage).stored == 1
    assert not list((store.path / "segments").iterdir())
    assert not list((store.path / "staging").iterdir())
    assert count(store, "spans") == 0


def test_several_parts_in_one_turn(store: Store) -> None:
    with store.writer() as writer:
        for rows in ([span("a")], [span("a"), span("a", "leaf")]):
            with store.stage() as stage:
                stage.add(spans(*rows))
                fresh = writer.fresh(stage)
                writer.commit(fresh, requests(request("a")), fresh.traces, [LoadEntry({})])
    assert (count(store, "spans"), count(store, "requests")) == (2, 1)


def test_a_recomputed_trace_replaces_its_requests(store: Store) -> None:
    load(store, spans(span("a"), span("b")), requests(request("a"), request("b")))
    load(store, spans(span("a", "late")), requests(request("a", failed=True), request("a", "2")))
    rows = store.query("select trace_id, failed, load from requests order by all").rows()
    assert rows == sorted(
        [(trace("a"), False, 2), (trace("a"), True, 2), (trace("b"), False, 1)],
    )


def test_a_recompute_may_yield_no_request(store: Store) -> None:
    load(store, spans(span("a"), span("b")))
    load(store, spans(span("a", "late")), requests())
    assert store.query("select trace_id from requests")["trace_id"].to_list() == [trace("b")]


def test_a_recompute_without_spans(store: Store) -> None:
    load(store, spans(span("a")))
    with store.writer() as writer:
        old = writer.requests_of([trace("a")])
        assert old.schema == REQUEST
        judged = old.with_columns(failed=pl.lit(True))
        writer.commit(None, judged, [trace("a")])
    assert store.query("select failed from requests")["failed"].to_list() == [True]
    assert len(store.loads()) == 1


def test_requests_of_other_traces_are_refused(store: Store) -> None:
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(span("a")))
        fresh = writer.fresh(stage)
        with pytest.raises(ValueError, match="not recomputed"):
            writer.commit(fresh, requests(request("b")), fresh.traces, [LoadEntry({})])


def test_spans_of_sees_stored_and_fresh_ones(store: Store) -> None:
    load(store, spans(span("a"), span("b")))
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(span("a", "leaf", at=2, **{"attributes.k": 7}), k=pl.Int64()))
        writer.fresh(stage)
        rows = writer.spans_of([trace("a")], ["name", "attributes.k", "attributes.z"])
        with pytest.raises(ValueError, match="no column colour"):
            writer.spans_of([trace("a")], ["colour"])
    assert rows.rows() == [("root", None, None), ("leaf", 7, None)]


def test_an_old_segment_reads_a_promoted_column_from_the_attributes(store: Store) -> None:
    keys = '{"gen_ai.n":7,"a/b~c\\"":"x","flag":true,"rate":0.5,"bad":"seven"}'
    load(store, spans(span("a", attrs=keys, attrs_big='{"long":"text"}')))
    promoted: dict[str, Any] = {
        "gen_ai.n": pl.Int64(),
        'a/b~c"': pl.String(),
        "flag": pl.Boolean(),
        "rate": pl.Float64(),
        "bad": pl.Int64(),
        "long": pl.String(),
        "none": pl.String(),
    }
    load(store, spans(span("b"), **promoted))
    names = ", ".join('"attributes.' + name.replace('"', '""') + '"' for name in promoted)
    sql = f"select {names} from spans where trace_id = $trace"
    assert store.query(sql, {"trace": trace("a")}).rows() == [
        (7, "x", True, 0.5, None, "text", None)
    ]


def test_the_newest_type_of_a_promoted_column_wins(store: Store) -> None:
    load(store, spans(span("a", **{"attributes.k": "7"}), k=pl.String()))
    load(store, spans(span("b", **{"attributes.k": 8}), k=pl.Int64()))
    assert sorted(store.query('select "attributes.k" as k from spans')["k"]) == [7, 8]


def test_batches_of_a_stage_have_the_same_columns(store: Store) -> None:
    with store.stage() as stage:
        stage.add(spans(span("a"), k=pl.Int64()))
        with pytest.raises(ValueError, match=r"attributes\.k"):
            stage.add(spans(span("b")))
        stage.add(spans(span("c"), k=pl.Int64()).select(pl.all().reverse()))
    with store.stage() as stage, pytest.raises(ValueError, match="span_id"):
        stage.add(spans(span("a")).drop("span_id"))
    with store.stage() as stage, pytest.raises(ValueError, match="colour"):
        stage.add(spans(span("a")).with_columns(colour=pl.lit(1)))


def test_a_dump_is_known_by_its_last_part(store: Store) -> None:
    load(store, spans(span("a")), sha256="s", final=False, path="dump.json")
    assert store.known_dump("s") is None
    generation = load(store, spans(span("b")), sha256="s", path="dump.json")
    known = store.known_dump("s")
    assert known is not None
    assert (known["generation"], known["path"], known["final"]) == (generation, "dump.json", True)
    assert store.known_dump("other") is None


def test_loads_are_newest_first_with_their_rejects(store: Store) -> None:
    reject = {"at": "line 3", "reason": "not JSON", "excerpt": "{\ud800"}
    load(store, spans(span("a")), path="a.json", rejects=[reject])
    load(store, spans(span("b")), path="b\udcff.json")
    newest, oldest = store.loads()
    assert (newest["path"], newest["rejects"]) == ("b?.json", [])
    assert oldest["rejects"] == [reject | {"excerpt": "{?"}]
    assert store.query('select path, "at", reason from rejects').rows() == [
        ("a.json", "line 3", "not JSON")
    ]


def test_an_alias_resolves_to_the_newest_id(store: Store) -> None:
    a, b, c = (number("a" + name, 32) for name in "123")
    load(store, spans(span("a")), requests(request("a", "1")))
    load(store, spans(span("a", "x")), requests(request("a", "2")), aliases={a: b})
    load(store, spans(span("a", "y")), requests(request("a", "3")), aliases={b: c})
    assert dict(store.query("from aliases").iter_rows()) == {a: c, b: c}
    load(store, spans(span("a", "z")), requests(request("a", "1")), aliases={c: a})
    assert dict(store.query("from aliases").iter_rows()) == {b: a, c: a}


DUMPS = [
    [span("a"), span("a", "leaf", at=3), span("b", at=None)],
    [span("a"), span("a", "late", at=9), span("b", "other", at=40)],
    [span("a", "leaf", at=3), span("b", at=None), span("c", status_code=2)],
    [span("c"), span("c", status_code=2)],
]


def tables(store: Store) -> tuple[Any, ...]:
    found = store.query(
        "select * exclude (load) from spans order by trace_id, span_id, status_code"
    )
    return found.rows(), store.query("select request_id from requests order by all").rows()


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(len(DUMPS))), again=st.integers(0, len(DUMPS) - 1))
def test_any_order_of_overlapping_dumps_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], again: int
) -> None:
    one = new_store(tmp_path_factory.mktemp("one"))
    load(one, spans(*(row for dump in DUMPS for row in dump)))
    many = new_store(tmp_path_factory.mktemp("many"))
    for index in [*order, again]:
        load(many, spans(*DUMPS[index]))
    assert tables(many) == tables(one)
    one.close()
    many.close()


def test_a_store_lies_below_its_folder(store: Store) -> None:
    load(store, spans(span("a")))
    names = {each.name for each in store.path.iterdir()}
    assert names - {"log.sqlite-wal", "log.sqlite-shm"} == {
        "log.sqlite",
        "segments",
        "staging",
        "writer.lock",
    }
    assert Path(store.path).stat().st_mode & 0o777 == 0o700
