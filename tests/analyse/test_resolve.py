"""What a pasted text may stand for."""

from __future__ import annotations

import pytest

from tracelens.analyse.resolve import candidates, from_link

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (TRACE, [TRACE]),
        (TRACE.upper(), [TRACE]),
        (f"0x{TRACE}", [TRACE]),
        (f"0X{SPAN.upper()}", [SPAN]),
        ("0af76519-16cd-43dd-8448-eb211c80319c", [TRACE]),
        (f"00-{TRACE}-{SPAN}-01", [SPAN, TRACE]),
        (f"00-{TRACE.upper()}-{SPAN}-01", [SPAN, TRACE]),
        ("CvdlGRbNQ92ESOshHIAxnA==", ["cvdlgrbnq92esoshhiaxna==", TRACE]),
        ("t61rcWkgMzE=", ["t61rcwkgmze=", SPAN]),
        ("conv-1234", ["conv-1234"]),
        ("AAAA", ["aaaa"]),
        ("", [""]),
        ("00-zz-11-01", ["00-zz-11-01"]),
    ],
)
def test_candidates(given: str, expected: list[str]) -> None:
    assert candidates(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (TRACE, TRACE),
        ("conv/1234", "conv/1234"),
        (f"http://h:16686/trace/{TRACE}", TRACE),
        (f"http://h:16686/trace/{TRACE}/?uiFind=x#y", TRACE),
        (f"https://h/explain?x=1&id={TRACE}", TRACE),
        (f"https://h/a?traceId={TRACE}&spanId={SPAN}", TRACE),
        (f"https://h/#/page?id={TRACE}", TRACE),
        ("https://h/sessions/room%20one", "room one"),
        (f"explain?id={TRACE}", TRACE),
        ("http://[oops", "http://[oops"),
        ("https://h", ""),
    ],
)
def test_links(given: str, expected: str) -> None:
    assert from_link(given) == expected
