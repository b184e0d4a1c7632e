"""What several pages are made of: links between them, tables, figures in cards, shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tracelens.model import CAUSES, STAGES
from tracelens.show.web.html import NOTHING, safe

#: Stages and what stands in their place, as people read them.
STAGE_NAMES: dict[str, str] = {
    **{str(stage): stage.capitalize() for stage in STAGES},
    "external": "Outside of all stages",
    "undetermined": "Stage unknown",
}


def href(page: str, **params: Any) -> str:
    """The address of a page with its parameters; those that are None or empty are left out."""
    given = {key: str(value) for key, value in params.items() if value not in (None, "")}
    path = "./" if page == "overview" else page
    return f"{path}?{urlencode(given, errors='replace')}" if given else path


def link(
    text: str, page: str, *, kind: str = "", title: str = "", current: bool = False, **params: Any
) -> str:
    """A link to a page around HTML; `kind` is a class, `title` what is read of it.

    `current` marks the one of a list that is shown.
    """
    more = f' class="{kind}"' if kind else ""
    more += ' aria-current="true"' if current else ""
    more += f' title="{safe(title)}" aria-label="{safe(title)}"' if title else ""
    return f'<a href="{safe(href(page, **params))}"{more}>{text}</a>'


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, how it is set (`number`, `wide` …), what the head means."""

    head: str
    kind: str = ""


def table(name: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already; on a phone each row is a card."""
    heads = "".join(
        f'<th scope="col" class="tl-{each.kind or "text"}">{safe(each.head)}</th>'
        for each in columns
    )
    body = "".join(_row(columns, cells) for cells in rows)
    return (
        f'<div class="tl tl-scroll" tabindex="0" role="region" aria-label="{safe(name)}">'
        f'<table class="tl-table tl-stack"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    shown = "".join(
        f'<td class="tl-{column.kind or "text"}" data-head="{safe(column.head)}">'
        f"{cell or NOTHING}</td>"
        for column, cell in zip(columns, cells, strict=True)
    )
    return f"<tr>{shown}</tr>"


def metric(name: str, value: str, note: str = "", tone: str = "") -> str:
    """A figure in a card: what it is, its value, and a line that puts it in proportion."""
    below = f'<dd class="tl-note-line {tone}">{note}</dd>' if note else ""
    return f"<div><dt>{safe(name)}</dt><dd>{value}</dd>{below}</div>"


def metrics(*figures: str) -> str:
    """Figures side by side."""
    return f'<dl class="tl tl-metrics">{"".join(figures)}</dl>'


def share(part: float, whole: float) -> str:
    """`34.6 %`; what is neither none nor all is never rounded to it."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def bar(part: float, whole: float, label: str = "") -> str:
    """A share as a bar; the number stands beside it, so that it is hidden from a reader."""
    width = 0 if not whole else max(0.0, min(100 * part / whole, 100))
    return (
        f'<span class="tl-bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>{label}'
    )


def stage_mark(row: Mapping[str, Any]) -> str:
    """Where it broke, in the colour of the stage to blame: the boundary, else the stage."""
    stage, boundary = row["stage"], row["boundary"]
    name = str(boundary).replace(">", " → ").capitalize() if boundary else stage_name(stage)
    kind = stage if stage in STAGES else "other"
    return f'<span class="tl-place tl-{kind}">{safe(name)}</span>'


def stage_name(stage: str | None) -> str:
    """`Transcription`, `Stage unknown`."""
    return STAGE_NAMES.get(stage or "", str(stage or NOTHING))


def cause_words(cause: str | None) -> str:
    """What went wrong, as part of a sentence."""
    return CAUSES.get(cause or "") or str(cause or "nothing recorded says why").replace("_", " ")


def inputs_name(inputs: str) -> str:
    """`audio + image`, from `audio+image`."""
    return "input not recorded" if inputs == "none" else inputs.replace("+", " + ")
