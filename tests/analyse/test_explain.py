"""The whole answer on one request: neighbours, cost, and what is left out on demand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.frames import load as load_frames
from tests.store.frames import new_store, number, request, requests, span, spans
from tests.traces import ALL_SAMPLES, load, sample
from tracelens import Filters, TraceLens
from tracelens.analyse.explain import _runner_up, explain_request
from tracelens.errors import NotFoundError


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> TraceLens:
    return load(tmp_path_factory.mktemp("explain") / "store", *ALL_SAMPLES)


def test_the_path_of_every_sample_adds_up(lens: TraceLens) -> None:
    for row in lens.requests(Filters(limit=0, where="duration_ms is not null")).to_dicts()[::4]:
        explained = lens.explain(row["request_id"])
        assert sum(explained.critical_path.values()) == pytest.approx(row["duration_ms"])
        assert {span["id"] for span in explained.spans} == set(row["span_ids"])
        starts = [span["start_unix_nano"] for span in explained.spans]
        assert starts == sorted(starts)


def test_neighbours(lens: TraceLens) -> None:
    (row,) = lens.requests(Filters(session="rental-2")).to_dicts()
    links = lens.explain(row["request_id"]).links
    assert links["same_session"] == []
    same = lens.requests(
        Filters(failed=True, cause="handoff_loss", boundary="transcription>reasoning", limit=0)
    )
    others = set(same["request_id"]) - {row["request_id"]}
    similar = [each["request_id"] for each in links["similar_failures"]]
    assert similar
    assert set(similar) <= others
    turns = lens.requests(Filters(session="pipecat-healthy", sort="started_at")).to_dicts()
    neighbours = lens.explain(turns[0]["request_id"]).links["same_session"]
    assert [each["request_id"] for each in neighbours] == [each["request_id"] for each in turns[1:]]


def test_how_it_stands_is_told_from_a_hundred_alike_on(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    told = {"candidates": [], "evidence": [], "outcomes": [], "stage_runs": []}
    rows = [
        request(
            f"r{at}",
            at=at,
            duration_ms=float(at),
            cost_usd=1.0 if at > 1 else None,
            input_modalities=["audio"] if at <= 100 else ["text"],
            **told,
        )
        for at in range(1, 151)
    ]
    load_frames(store, spans(*(span(f"r{at}", at=at) for at in range(1, 151))), requests(*rows))
    explained = explain_request(store, number("r98root", 32))
    # Of cost there are only 99 to compare with.
    expected = {"metric": "latency", "value": 98.0, "inputs": "audio", "n": 100, "lower": 0.97}
    assert explained.percentiles == [expected]
    assert explain_request(store, number("r130root", 32)).percentiles == []
    store.close()


def test_an_unknown_request(lens: TraceLens) -> None:
    with pytest.raises(NotFoundError, match="no request 'f"):
        lens.explain("f" * 32)


def test_spans_only_has_nothing_to_explain(tmp_path: Path) -> None:
    with TraceLens(tmp_path / "store") as lens:
        lens.ingest([sample("pipecat_healthy")], spans_only=True)
        assert lens.requests().is_empty()


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (("synthesis", None, "tts_error", 0.9), "synthesis (tts_error) is second: it comes after"),
        (("transcription", None, "stt_wrong", 0.9), "it would only have spoilt what reasoning"),
        (("reasoning", None, "llm_empty", 0.6), "it is less certain (0.60 against 0.80)"),
    ],
)
def test_why_the_second_candidate_lost(second: tuple[object, ...], reason: str) -> None:
    names = ("stage", "boundary", "cause", "score")
    first = dict(zip(names, ("reasoning", None, "llm_error", 0.8), strict=True))
    told = _runner_up([first, dict(zip(names, second, strict=True))])
    assert told is not None
    assert reason in told
    assert _runner_up([first]) is None
    unnamed = dict(zip(names, ("undetermined", None, "user_reported", 0.3), strict=True))
    assert _runner_up([first, unnamed]) is None
    assert _runner_up([first, unnamed, dict(zip(names, second, strict=True))]) == told
