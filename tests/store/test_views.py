"""The views: right columns and types, also when empty, and a sentence for each."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl

from tests.store.frames import load, request, requests, span, spans, trace
from tracelens.model import CANONICAL_SPAN, PROFILE, RAW_SPAN, REQUEST
from tracelens.store import BugReport, Store
from tracelens.store.views import VIEWS

JUDGED = request(
    "a",
    failed=True,
    stage="reasoning",
    outcomes=[
        {"at": "transcription", "outcome": "ok"},
        {"at": "transcription>reasoning", "outcome": "failed"},
    ],
    evidence=[{"check": "hand_over", "result": "fails", "span_id": "1", "sentence": "lost"}],
    candidates=[{"stage": "reasoning", "score": 0.9}, {"stage": "synthesis", "score": 0.1}],
    stage_runs=[
        {"exchange": 0, "stage": "reasoning", "start_unix_nano": 0, "end_unix_nano": 1_500_000}
    ],
    models={"reasoning": ["m"]},
)


PROFILES = pl.DataFrame(
    [("desk", "turn", "pipecat", None, "synthesis", 400, 4, 3, 90.5, 120.25, False)],
    schema=PROFILE,
    orient="row",
)


def test_every_view_and_column_has_a_sentence(store: Store) -> None:
    load(store, spans(span("a"), **{"gen_ai.it's": pl.Int64()}))
    schema = store.schema()
    assert schema.columns == ["view", "column", "type", "sentence"]
    assert schema.filter(pl.col("sentence").fill_null("").str.len_chars() == 0).is_empty()
    assert schema.filter(pl.col("column").is_null())["view"].to_list() == list(VIEWS)
    promoted = schema.filter(column="attributes.gen_ai.it's").row(0)
    assert promoted == (
        "spans",
        "attributes.gen_ai.it's",
        "BIGINT",
        "attribute gen_ai.it's as recorded",
    )


def test_the_views_show_the_model(store: Store) -> None:
    listed = store.schema()
    of_spans = listed.filter(view="spans")["column"].to_list()
    hidden = {"content_hash", "position"}
    assert {*RAW_SPAN, *CANONICAL_SPAN} - set(of_spans) == hidden
    of_requests = listed.filter(view="requests")["column"].to_list()
    assert set(of_requests) - {None} == {*REQUEST, "started_at", "load"}


LINKS = json.dumps([{"trace_id": "c" * 32, "span_id": "d" * 16, "attributes": {"a": 1}}])


def test_empty_views_have_the_types_of_full_ones(store: Store) -> None:
    empty = {view: store.query(f"from {view}").schema for view in VIEWS}
    batch = spans(span("a", links=LINKS))
    load(store, batch, requests(JUDGED), rejects=[{"at": 1}], aliases={"x": "y"})
    report = BugReport("B", 1, "said", "target", "span", "session", "corrected", "open", "wish")
    with store.writer() as writer:
        writer.commit(None, requests(), [], reports=[report], profiles=PROFILES)
    for view in VIEWS:
        full = store.query(f"from {view}")
        assert (full.schema, full.is_empty()) == (empty[view], False), view


def test_times_of_a_span(store: Store) -> None:
    odd = span("b", at=None, start_unix_nano=-(2**62), end_unix_nano=2**62)
    load(store, spans(span("a", start_unix_nano=1_700_000_000_000_000_001), odd))
    sql = "select start_time, start_unix_nano % 10, duration_ms from spans where trace_id = $trace"
    assert store.query(sql, {"trace": trace("a")}).rows()[0][:2] == (
        datetime(2023, 11, 14, 22, 13, 20),
        1,
    )
    assert store.query(sql, {"trace": trace("b")})["duration_ms"].item() == 2**63 / 1e6


def test_nested_rows_unfold(store: Store) -> None:
    load(store, spans(span("a")), requests(JUDGED))
    ask = store.query
    assert ask("select boundary, outcome from boundaries").rows() == [
        ("transcription>reasoning", "failed")
    ]
    assert ask('select "check", result, value from evidence').rows() == [
        ("hand_over", "fails", None)
    ]
    assert ask("select rank, stage, score from candidates order by rank").rows() == [
        (1, "reasoning", 0.9),
        (2, "synthesis", 0.1),
    ]
    assert ask("select stage, duration_ms, trace_id from stage_runs").rows() == [
        ("reasoning", 1.5, trace("a"))
    ]
    assert ask("select models.reasoning, started_at from requests").rows() == [
        (["m"], datetime(1970, 1, 1, 0, 0, 1))
    ]


def test_a_load_shows_its_counts(store: Store) -> None:
    load(store, spans(span("a")), path="a.json", status="loaded", bytes=2**40)
    sql = "select generation, path, status, bytes, spans_stored, spans_rejected, final from loads"
    assert store.query(sql).rows() == [(1, "a.json", "loaded", 2**40, 1, None, True)]


def test_links_are_found_from_both_ends(store: Store) -> None:
    load(store, spans(span("a", links=LINKS), span("b", links="[]")))
    ask = "select span_id, linked_span_id, attributes from links where {} = $id"
    (own,) = store.query("select span_id from spans where links <> '[]'")["span_id"]
    found = [(own, "d" * 16, '{"a":1}')]
    assert store.query(ask.format("span_id"), {"id": own}).rows() == found
    assert store.query(ask.format("linked_span_id"), {"id": "d" * 16}).rows() == found
