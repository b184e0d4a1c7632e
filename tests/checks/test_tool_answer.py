"""Answers held against what tools returned: what contradicts, and what never does."""

from __future__ import annotations

import json

import pytest

from tests.conftest import FINE, answered, heard, judge, span, spans, spoke, trace, verdict
from tracelens.checks.compare import hold_against
from tracelens.policy import load

SAID = "what is the weather in Bergen"


def contradicted(answer, *results, known=(SAID,)):
    """Key, returned and stated value of a contradiction; None without one."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in results]
    found = hold_against(answer, texts, known, load().answers).contradiction
    return found and (found.key, found.returned, found.stated)


WEATHER = {"degrees": "45", "wind": 33}


@pytest.mark.parametrize(
    ("answer", "result", "found"),
    [
        ("It will be 54 degrees, with wind at 33 knots.", WEATHER, ("degrees", "45", "54")),
        ("It will be fifty-four degrees.", WEATHER, ("degrees", "45", "54")),
        ("45 degrees and the wind is at 22 knots.", WEATHER, ("wind", "33", "22")),
        ("Your code is **KL9876**.", {"code": "KL1234"}, ("code", "kl1234", "kl9876")),
        ("Your total price is 95 euros", {"totalPrice": 59}, ("totalPrice", "59", "95")),
        ("Only 2 seats are left.", {"result": [{"seats": 14}]}, ("seats", "14", "2")),
        ("54 degrees", json.dumps(json.dumps(WEATHER)), ("degrees", "45", "54")),
    ],
)
def test_another_value_under_the_same_key(answer, result, found):
    assert contradicted(answer, result) == found


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("It will be 45 degrees, with wind at 33 knots.", WEATHER),
        ("forty five degrees", WEATHER),
        ("In two days the degrees drop.", WEATHER),
        ("About 7 degrees, that is 45 Fahrenheit.", WEATHER),
        ("7.2 degrees Celsius", WEATHER),
        ("about 21 degrees", {"degrees": 21.4}),
        ("around 1,200 seats", {"seats": 1234}),
        ("The price is 12.99", {"price": 1299}),
        ("1 hour and 30 minutes", {"minutes": 90}),
        ("It takes 2 hours", {"hours": 1.5, "delay_minutes": 30}),
        ("The wind is at 5 pm strongest", {"wind": 33}),
        ("The price fell on March 5", {"price": 40}),
        ("room 12 is yours", {"room_count": 14}),
        ("wind at 22 knots", {"monday": {"wind": 33}, "tuesday": {"wind": 20}}),
        ("wind at 22 knots", "wind 33, gusts 40"),
        ("Your code is K L 1 2 3 4", {"code": "KL1234"}),
        ("Your code is ABC99", {"code": "KL1234"}),
        ("22 degrees here and 23 degrees there", WEATHER),
        ("12 degrees colder than the wind", WEATHER),
        ("The temperature is fine.", WEATHER),
        ("54 degrees", "[" * 100_000),
    ],
)
def test_what_an_answer_may_say(answer, result):
    assert contradicted(answer, result) is None


def test_what_was_known_from_elsewhere():
    assert contradicted("54 degrees", WEATHER, known=("set it to 54 degrees",)) is None
    assert contradicted("your order is KL9876", {"code": "KL1234"}, known=("it is KL9876",)) is None
    assert contradicted("54 degrees", WEATHER, {"yesterday": 54}) is None
    assert contradicted("54 degrees", WEATHER, {"degrees": 50}) is None


def test_the_verdict():
    tool = span("get", stage="tool", tool_results=json.dumps(WEATHER))
    wrong, right = "it is 54 degrees in Bergen", "it is 45 degrees in Bergen"
    call = answered("", SAID, "first", tool_calls=1)
    for text, expected in ((wrong, (True, "reasoning", None, "llm_wrong")), (right, FINE)):
        stages = (heard(SAID), call, tool, answered(text, SAID), spoke(text))
        (row,) = judge(spans(trace("t", span("root", *stages))))
        assert verdict(row) == expected
        results = {e["check"]: e["result"] for e in row["evidence"]}
        assert results["tool_answer"] == ("fails" if expected != FINE else "passes")
    # Dialects without spans of tools tell it in what the model was given.
    told = answered(wrong, SAID, tool_results=json.dumps([json.dumps(WEATHER)]))
    (row,) = judge(spans(trace("t", span("root", heard(SAID), told, spoke(wrong)))))
    assert row["cause"] == "llm_wrong"
    assert "“54” where the tool returned “45” as “degrees”" in row["verdict"]
