"""Spans that Logfire sends twice count once."""

import pytest

from tests.read.dumps import SPAN, TRACE, dump, proto, read, request, span, text

COPY = "00000000000000cc"


def real(**fields):
    return span(attributes=[text("logfire.span_type", "span"), text("k", "v")], **fields)


def pending(parent=SPAN, own=COPY):
    kind = [text("logfire.span_type", "pending_span"), text("k", "v")]
    return span(spanId=own, parentSpanId=parent, attributes=kind)


@pytest.mark.parametrize("found", [[pending(), real()], [real(), pending()]])
@pytest.mark.parametrize("write", [lambda one: dump(*one), lambda one: b"".join(map(proto, one))])
def test_the_copy_is_merged_wherever_it_stands(found, write):
    rows, tally = read(write([request(one) for one in found]))
    assert rows["span_id"].to_list() == [SPAN]
    assert (tally.spans_read, tally.spans_merged, tally.spans_rejected) == (2, 1, 0)


def test_a_copy_without_the_real_span_is_kept_and_marked():
    rows, tally = read(dump(request(pending()), request(real(spanId="00000000000000ee"))))
    assert sorted(rows["span_id"].to_list()) == [COPY, "00000000000000ee"]
    assert rows.filter(span_id=COPY)["notes"].to_list() == [["pending"]]
    assert (tally.spans_merged, tally.warnings["pending"].count) == (0, 1)


def test_a_copy_of_another_trace_is_another():
    rows, tally = read(dump(request(pending(), real(traceId="f" + TRACE[1:]))))
    assert (rows.height, tally.spans_merged) == (2, 0)


def test_the_oldest_copies_are_let_go_when_too_many_wait(monkeypatch):
    monkeypatch.setattr("tracelens.read.pending._HELD", 3)
    copies = [pending(f"{n:016x}", f"{n + 100:016x}") for n in range(1, 6)]
    rows, tally = read(dump(request(*copies), request(real(spanId=f"{5:016x}"))))
    assert (rows.height, tally.spans_merged) == (5, 1)


def test_both_copies_of_a_span_are_merged():
    rows, tally = read(dump(request(pending(), pending(own="0d"), real())))
    assert (rows.height, tally.spans_merged) == (1, 2)
