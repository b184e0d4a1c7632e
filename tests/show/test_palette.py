"""The palette: readable, told apart by readers who see fewer colours, and what Streamlit uses."""

from __future__ import annotations

import tomllib
from itertools import combinations

import pytest

from tests.command import ROOT
from tracelens.show.palette import DARK, LIGHT, Palette, css_variables, ink_on

STAGES = ("transcription", "reasoning", "synthesis")
#: Least contrast of text by WCAG 2.2, 1.4.3, and of what is no text by 1.4.11.
TEXT, SHAPE = 4.5, 3.0
#: How readers without one kind of cone see linear RGB, fully (Machado, Oliveira, Fernandes 2009).
BLIND = {
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
#: CIE76 distance between two stages that nobody confuses side by side.
APART = 25


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def luminance(colour: str) -> float:
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: list[float]) -> list[float]:
    """CIE L*a*b* of linear sRGB, white D65."""
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [sum(w * p for w, p in zip(row, rgb, strict=True)) for row in rows]
    f = [
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (max(v, 0) / w for v, w in zip(xyz, white, strict=True))
    ]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


def distance(one: str, other: str, matrix: tuple[tuple[float, ...], ...]) -> float:
    seen = [
        lab([sum(w * p for w, p in zip(row, linear(each), strict=True)) for row in matrix])
        for each in (one, other)
    ]
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable(colours: Palette) -> None:
    pairs = [(name, ground) for name in ("text", "muted") for ground in ("page", "panel")]
    pairs += [(name, "page") for name in (*STAGES, "fail", "good", "warn", "accent")]
    pairs += [("ink", name) for name in STAGES]
    pairs += [(name, f"{name}_tint") for name in ("fail", "good", "warn")]
    pairs += [("muted", "warn_tint"), ("page", "fail"), ("page", "good")]
    low = {
        pair: round(contrast(*(getattr(colours, name) for name in pair)), 2)
        for pair in pairs
        if contrast(*(getattr(colours, name) for name in pair)) < TEXT
    }
    assert low == {}
    assert contrast(colours.other, colours.page) >= SHAPE


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_stages_stay_apart(colours: Palette, kind: str) -> None:
    for one, other in combinations(STAGES, 2):
        assert distance(colours.stage(one), colours.stage(other), BLIND[kind]) > APART


def test_streamlit_uses_the_same() -> None:
    theme = tomllib.loads((ROOT / "dashboards/.streamlit/config.toml").read_text())["theme"]
    names = {
        "primaryColor": "accent",
        "backgroundColor": "page",
        "secondaryBackgroundColor": "panel",
        "textColor": "text",
        "borderColor": "line",
        "linkColor": "accent",
        "redColor": "fail",
    }
    for kind, colours in (("light", LIGHT), ("dark", DARK)):
        assert theme[kind] == {key: getattr(colours, name) for key, name in names.items()}


def test_styles_have_both_colours_of_a_role() -> None:
    assert f"--tl-fail-tint: light-dark({LIGHT.fail_tint}, {DARK.fail_tint});" in css_variables()


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_are_readable_on_every_step_of_heat(colours: Palette) -> None:
    low = [each for each in colours.sequential if contrast(ink_on(each), each) < TEXT]
    assert low == []
