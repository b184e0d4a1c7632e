"""What became of a load: a card, the inputs one by one, what was skipped and why, past loads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.show.text import load_sentence
from tracelens.show.web.html import NOTHING, safe
from tracelens.show.web.overview import day
from tracelens.show.web.parts import Column, link, share, table
from tracelens.show.words import counted

Load = Mapping[str, Any]

#: How a status is shown: its kind, and glyph and word.
STATUS = {
    "loaded": ("good", "✓ Loaded"),
    "loaded_before": ("good", "✓ Loaded before"),
    "partly_loaded": ("warn", "~ Partly loaded"),
    "refused": ("fail", "✕ Refused"),
}
#: Parts of the bar: count, word, colour.
PARTS = (
    ("spans_stored", "Stored", "good"),
    ("spans_duplicate", "There already", "known"),
    ("spans_merged", "Merged", "known"),
    ("spans_rejected", "Skipped", "fail"),
)
SUMS = (*(name for name, _, _ in PARTS), "spans_read", "records_rejected", "requests_touched")
#: What a report from an older version may not have.
BLANK: dict[str, Any] = {
    "path": "",
    "status": "loaded",
    "rejects": [],
    **dict.fromkeys(SUMS, 0),
}
SOURCES_SHOWN = 100
REJECTS_SHOWN = 100
REASONS_SHOWN = 50
EXCERPT_SHOWN = 300
PATHS_SHOWN = 2

SOURCES = (
    Column("Input", "wide"),
    Column("Format"),
    Column("Spans read", "number"),
    Column("Stored", "number"),
    Column("There already", "number"),
    Column("Skipped", "number"),
    Column("Status", "short"),
)
REASONS = (Column("Skipped", "number"), Column("Why", "wide"), Column("First at"))
REJECTS = (Column("Where"), Column("Why", "wide"), Column("How the record begins", "code"))
PAST = (
    Column("Committed, UTC", "when"),
    Column("Inputs", "wide"),
    Column("Spans read", "number"),
    Column("Stored", "number"),
    Column("Skipped", "number"),
    Column("Status", "short"),
    Column("Report", "short"),
)


def load_rows(loads: Sequence[Load], first: int, last: int) -> list[Load]:
    """The inputs of some commits in the order of reading; of one in several parts, its end.

    `loads` are all past loads, newest first.
    """
    found: list[Load] = []
    newer = set()
    for load in ({**BLANK, **each} for each in loads):
        # A part of a large input is followed by the next; what was given up says why.
        whole = load["final"] or load["rejects"] or load["path"] not in newer
        newer.add(load["path"])
        if whole and first <= load["generation"] <= last:
            found.append(load)
    return found[::-1]


def load_html(rows: Sequence[Load]) -> str:
    """The card: what became of the load in one sentence, a bar, and its counts."""
    totals = {name: sum(row[name] or 0 for row in rows) for name in SUMS}
    kind, word = STATUS.get(_worst(rows), ("plain", "?"))
    sentence = load_sentence({"totals": totals, "sources": []})
    tone = {"plain": "unknown"}.get(kind, kind)
    return (
        f'<section class="tl tl-card tl-{tone}" role="status"><p class="tl-chips">'
        f'<span class="tl-chip tl-{kind}">{word}</span>'
        f'<span class="tl-chip">{_names(rows)}</span></p><h1>{safe(sentence)}</h1>'
        f"{_more(rows, totals)}{_bar(totals)}"
        f'<dl class="tl-facts">{"".join(_facts(rows, totals))}</dl></section>'
    )


def _worst(rows: Sequence[Load]) -> str:
    found = {str(row["status"]) for row in rows}
    if found == {"refused"} or found == {"loaded_before"}:
        return found.pop()
    return "partly_loaded" if found & {"refused", "partly_loaded"} else "loaded"


def _names(rows: Sequence[Load]) -> str:
    size = sum(row.get("bytes") or 0 for row in rows)
    if len(rows) == 1:
        return f"{safe(rows[0]['path'], limit=80)} · {megabytes(size)}"
    return f"{counted(len(rows), 'input')} · {megabytes(size)}"


def _more(rows: Sequence[Load], totals: Mapping[str, int]) -> str:
    if {row["status"] for row in rows} == {"loaded_before"}:
        said = "Nothing was added: these bytes were loaded before, and a span is stored once."
    elif totals["spans_rejected"] or totals["records_rejected"]:
        said = "Everything that was skipped is listed below with its place and reason."
    elif not totals["spans_read"]:
        reasons = [reject["reason"] for row in rows for reject in row["rejects"]]
        said = safe(reasons[0], limit=600) if reasons else "There was no span in it."
    else:
        said = "Loading the same dump again adds nothing."
    return f'<p class="tl-more">{said}</p>'


def _bar(totals: Mapping[str, int]) -> str:
    read = totals["spans_read"]
    parts = "".join(
        f'<i class="tl-part-{kind}" style="width:{100 * totals[name] / read:.2f}%"></i>'
        for name, _, kind in PARTS
        if read and totals[name]
    )
    return f'<div class="tl-parts" aria-hidden="true">{parts}</div>' if parts else ""


def _facts(rows: Sequence[Load], totals: Mapping[str, int]) -> Iterator[str]:
    read = totals["spans_read"]
    for name, word, kind in PARTS:
        if totals[name] or name in ("spans_stored", "spans_rejected"):
            sign = f'<i class="tl-key tl-part-{kind}" aria-hidden="true"></i>'
            part = f" · {share(totals[name], read)}" if read else ""
            yield f"<div><dt>{sign}{word}</dt><dd><b>{totals[name]:,}</b>{part}</dd></div>"
    if totals["records_rejected"]:
        yield _fact("Unreadable records", f"{totals['records_rejected']:,}")
    yield _fact("Requests judged", f"{totals['requests_touched']:,}")
    yield _fact("Committed", day(str(rows[-1]["committed_at"])))


def _fact(name: str, text: str) -> str:
    return f"<div><dt>{name}</dt><dd>{text}</dd></div>"


def sources_html(rows: Sequence[Load]) -> str:
    """The inputs one by one; those that were not loaded whole come first."""
    ordered = sorted(rows, key=lambda row: row["status"] in ("loaded", "loaded_before"))
    return table("Inputs", SOURCES, (list(_source(row)) for row in ordered[:SOURCES_SHOWN]))


def _source(row: Load) -> Iterator[str]:
    notes = [f"{each['message']} ({each['count']:,}×)" for each in row.get("warnings") or []]
    notes += [f"{n:,} {name} records are no spans" for name, n in _signals(row)]
    below = "".join(f"<small>{safe(note, limit=300)}</small>" for note in notes)
    yield f"{safe(row['path'], limit=160)}{below}"
    yield safe((row.get("format") or "").replace("_", " "), limit=60)
    for name in ("spans_read", "spans_stored", "spans_duplicate"):
        yield f"{row[name]:,}"
    yield f"{row['spans_rejected'] + (row.get('records_rejected') or 0):,}"
    yield status_html(row["status"])


def _signals(row: Load) -> list[tuple[str, int]]:
    return list((row.get("other_signals") or {}).items())


def status_html(status: str) -> str:
    """A status as glyph, word and colour."""
    kind, word = STATUS.get(status, ("plain", safe(status)))
    return f'<span class="tl-status tl-{kind}">{word}</span>'


def reasons_html(rows: Sequence[Load]) -> str:
    """Why something was skipped: each reason with how often, and where first."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row in rows:
        counted_by = row.get("reject_reasons") or {}
        counts.update(counted_by)
        for reject in row["rejects"]:
            # Reasons are counted without their details.
            why = next((each for each in counted_by if each in reject["reason"]), None)
            if why is None and not counted_by:
                why = reject["reason"]
                counts[why] += 1
            if why is not None:
                first.setdefault(why, _place(row, reject, len(rows)))
    told = counts.most_common(REASONS_SHOWN)
    cells = ([f"{n:,}", safe(why, limit=400), safe(first.get(why, ""))] for why, n in told)
    return table("Skipped, and why", REASONS, cells)


def rejects_html(rows: Sequence[Load]) -> str:
    """What was skipped, one by one, each with how it begins."""
    every = [(row, reject) for row in rows for reject in row["rejects"]][:REJECTS_SHOWN]
    cells = (
        [
            safe(_place(row, reject, len(rows)), limit=120),
            safe(reject["reason"], limit=400),
            safe(reject["excerpt"], limit=EXCERPT_SHOWN),
        ]
        for row, reject in every
    )
    return table("Skipped records", REJECTS, cells)


def _place(row: Load, reject: Mapping[str, Any], inputs: int) -> str:
    at = str(reject["at"] or "the whole input")
    return at if inputs == 1 else f"{row['path']}, {at}"


def reject_records(rows: Sequence[Load]) -> list[dict[str, Any]]:
    """Everything that was skipped and kept: input, place, reason and how it begins."""
    return [{"path": row["path"], **reject} for row in rows for reject in row["rejects"]]


def past_html(loads: Sequence[Load], limit: int) -> str:
    """Past loads by commit, newest first; each leads to its report."""
    commits: dict[int, list[Load]] = {}
    for load in load_rows(loads, 0, 2**63)[::-1]:
        commits.setdefault(load["generation"], []).append(load)
    shown = list(commits.items())[:limit]
    return table("Past loads", PAST, (list(_past(number, rows)) for number, rows in shown))


def _past(number: int, rows: Sequence[Load]) -> Iterator[str]:
    yield safe(day(str(rows[0]["committed_at"])).removesuffix(" UTC"))
    names = [safe(row["path"], limit=80) for row in rows[::-1]]
    more = len(names) - PATHS_SHOWN
    yield ", ".join(names[:PATHS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    for name in ("spans_read", "spans_stored", "spans_rejected"):
        yield f"{sum(row[name] for row in rows):,}"
    yield status_html(_worst(rows))
    yield link("Open", "ingest", title=f"Open the report of load {number}", load=number)


def job_html(title: str, progress: Any, part: float | None, seconds: float) -> str:
    """How far a load is: what is read, how much of it, how fast, and how long it may take.

    `progress` has `path, number, of, spans`, or is None; `part` is 0 to 1.
    """
    facts = []
    if progress is not None:
        if progress.of > 1:
            facts.append(f"{progress.number:,} of {progress.of:,}: {safe(progress.path, limit=60)}")
        facts.append(counted(progress.spans, "span"))
        if seconds > 1:
            facts.append(f"{progress.spans / seconds:,.0f} per second")
    if part and seconds > 2:
        facts.append(f"about {seconds / part - seconds:,.0f} s left")
    percent = f" · {100 * part:.0f} %" if part is not None else ""
    said = " · ".join(facts) or "reading"
    return (
        f'<section class="tl tl-panel" role="status"><header><h2>{safe(title, limit=80)}{percent}'
        f"</h2></header><p>{said}</p></section>"
    )


def megabytes(size: int) -> str:
    """`214 MB`; below one with kilobytes."""
    if not size:
        return NOTHING
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
