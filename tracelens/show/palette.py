"""The colours of pages and figures, light and dark: a stage is a hue, a status has a glyph too.

The lightness of the three stage colours differs as much as their hue, so that they stay apart for
readers who cannot tell red from green or blue from yellow (tests/show/test_palette.py measures it).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True)
class Palette:
    """One colour, as #RRGGBB, for each role; `sequential` runs from nothing to most."""

    page: str
    panel: str
    line: str
    text: str
    muted: str
    transcription: str
    reasoning: str
    synthesis: str
    other: str  # for bars, never for text: its contrast is too low
    ink: str  # text on a bar of a stage
    fail: str
    fail_tint: str
    good: str
    good_tint: str
    warn: str
    warn_tint: str
    accent: str
    sequential: tuple[str, ...]

    def stage(self, name: str | None) -> str:
        """The colour of a stage; of anything else, and of nothing, that of `other`."""
        known = ("transcription", "reasoning", "synthesis")
        return str(getattr(self, name)) if name in known else self.other


LIGHT: Final = Palette(
    page="#FFFFFF",
    panel="#F5F7FA",
    line="#DDE3EB",
    text="#0E1622",
    muted="#5A6675",
    transcription="#12438D",
    reasoning="#A06A00",
    synthesis="#8627E4",
    other="#858D98",
    ink="#FFFFFF",
    fail="#B0123F",
    fail_tint="#FBE9EE",
    good="#1F7A4D",
    good_tint="#E6F4EC",
    warn="#8A5A00",
    warn_tint="#FFF4DC",
    accent="#12438D",
    sequential=("#F5F7FA", "#D6E4F5", "#A9C8EC", "#6FA3DB", "#3A78BF", "#12438D", "#0A2A5E"),
)
DARK: Final = Palette(
    page="#0F1419",
    panel="#171E26",
    line="#2A3440",
    text="#E6EBF1",
    muted="#9BA8B7",
    transcription="#86BEEE",
    reasoning="#FFC841",
    synthesis="#B369FD",
    other="#646E7F",
    ink="#0F1419",
    fail="#FF5A70",
    fail_tint="#3A1620",
    good="#4CC38A",
    good_tint="#12301F",
    warn="#FFC841",
    warn_tint="#3A2D0C",
    accent="#86BEEE",
    sequential=("#171E26", "#1B3350", "#21507F", "#2F73B3", "#5A9BDC", "#86BEEE", "#D5E9FB"),
)


def css_variables() -> str:
    """Both palettes as CSS: `--tl-fail` and so on, which follow the `color-scheme` in force."""
    single = [each.name for each in fields(Palette) if each.name != "sequential"]
    lines = [
        f"--tl-{name.replace('_', '-')}: light-dark({getattr(LIGHT, name)}, {getattr(DARK, name)});"
        for name in single
    ]
    for step, pair in enumerate(zip(LIGHT.sequential, DARK.sequential, strict=True)):
        inks = [ink_on(colour) for colour in pair]
        lines += [
            f"--tl-heat-{step}: light-dark({pair[0]}, {pair[1]});",
            f"--tl-heat-ink-{step}: light-dark({inks[0]}, {inks[1]});",
        ]
    return ":root { " + " ".join(lines) + " }"


def ink_on(colour: str) -> str:
    """Of the darkest and the lightest text, that which can be read better on a colour."""
    inks = (LIGHT.text, LIGHT.page)
    return max(inks, key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
