"""The verdict card: what broke in one sentence, how sure that is, and the facts of the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.analyse import Explanation
from tracelens.show.confidence import sureness
from tracelens.show.costs import cost_sentence
from tracelens.show.standing import over_budget, standing_words
from tracelens.show.web.html import NOTHING, duration, moment, money, safe, short_id
from tracelens.show.web.parts import link

#: Chips of budgets; the evidence has them all.
BUDGETS_SHOWN = 4


def verdict_html(explained: Explanation, *, links: bool = True) -> str:
    """The card on one request: chips, sentence, why, what would settle it, and facts."""
    request = explained.request
    headline, because = _sentence(request)
    return (
        f'<section class="tl tl-card tl-{_kind(request)}" role="status">'
        f'<p class="tl-chips">{"".join(_chips(request))}</p>'
        f"<h1>{safe(headline)}</h1>"
        f"{_paragraph(because)}{_paragraph(_runner_up(explained), 'tl-more')}"
        f"{_settle(explained.settle)}"
        f'<dl class="tl-facts">{"".join(_facts(explained, links))}</dl></section>'
    )


def _kind(request: Mapping[str, Any]) -> str:
    if request["failed"] is None or request["stage"] == "undetermined":
        return "unknown"
    return "fail" if request["failed"] else "good"


def _sentence(request: Mapping[str, Any]) -> tuple[str, str]:
    """The verdict in two: what broke, and how it showed."""
    what, colon, how = str(request["verdict"] or "").partition(": ")
    return (f"{what}.", f"{how[:1].upper()}{how[1:]}") if colon else (what, "")


def _runner_up(explained: Explanation) -> str:
    """Why the second candidate lost, as a sentence."""
    text = (explained.runner_up or "").replace(">", " → ")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _settle(wanted: Sequence[str]) -> str:
    if not wanted:
        return ""
    lines = "".join(f"<li>{_coded(each)}</li>" for each in wanted)
    return f'<div class="tl-settle">What would decide the next such case:<ul>{lines}</ul></div>'


def _coded(text: str) -> str:
    """A sentence with the names that stand in backquotes as code."""
    parts = text.removesuffix(" to decide").rstrip(",").split("`")
    return "".join(
        f"<code>{safe(part)}</code>" if number % 2 else safe(part)
        for number, part in enumerate(parts)
    )


def _paragraph(text: str | None, kind: str = "tl-why") -> str:
    return f'<p class="{kind}">{safe(text)}</p>' if text else ""


def _chips(request: Mapping[str, Any]) -> Iterator[str]:
    if request["failed"] is None:
        yield _chip("? Cannot tell", "unknown")
    elif not request["failed"]:
        yield _chip("✓ No failure found", "good")
    elif request["stage"] == "undetermined":
        yield _chip("? Failed, stage unknown", "unknown")
    else:
        yield _chip(f"✕ {place_name(request)}", "fail")
    if request["cause"]:
        yield _chip(str(request["cause"]).replace("_", " "))
    if request["failed"]:
        yield from map(_chip, _sure(request))
    if request["stale"]:
        yield _chip("~ Judged by older rules: tracelens locate judges it anew", "warn")
    for each in over_budget(request)[:BUDGETS_SHOWN]:
        yield _chip(f"~ Over budget: {each}", "warn")
    if "missing_parent" in (request["notes"] or []):
        yield _chip("~ Incomplete: spans refer to parents that are not here", "warn")


def _chip(text: str, kind: str = "plain") -> str:
    return f'<span class="tl-chip tl-{kind}">{safe(text)}</span>'


def place_name(row: Mapping[str, Any]) -> str:
    """Where it broke, for people: `Transcription → reasoning`, or the stage."""
    return str(row["boundary"] or row["stage"] or "").replace(">", " → ").capitalize()


def _sure(request: Mapping[str, Any]) -> Iterator[str]:
    """How sure the stage is, in the words of the command line; nothing where none is suspected."""
    sure = sureness(request)
    if sure:
        yield sure.replace(">", " → ").replace("_", " ")
    elif request["stage"] != "undetermined":
        yield "Confidence not measured"


def _facts(explained: Explanation, links: bool) -> Iterator[str]:
    request = explained.request
    stands = {each["metric"]: _standing(each, links) for each in explained.percentiles}
    models = [name for each in (request["models"] or {}).values() for name in each or []]
    yield _fact("Request", short_id(request["request_id"]), request["request_id"], code=True)
    yield _fact("Trace", short_id(request["trace_id"]), request["trace_id"], code=True)
    yield _fact("When", moment(request["start_unix_nano"]))
    yield _fact("Modality", _modality(request))
    yield _fact("Models", " · ".join(models) or NOTHING)
    yield _fact("Latency", duration(request["duration_ms"]), more=stands.get("latency", ""))
    least = "≥ " if request["cost_is_lower_bound"] and request["cost_usd"] is not None else ""
    cost = least + money(request["cost_usd"])
    yield _fact("Cost", cost, cost_sentence(request) or "", more=stands.get("cost", ""))
    for name, key in (("Service", "service"), ("Session", "session_id"), ("Emitter", "emitter")):
        if request[key]:
            yield _fact(name, request[key])


def _modality(request: Mapping[str, Any]) -> str:
    came, went = ("+".join(request[f"{way}_modalities"] or []) for way in ("input", "output"))
    return f"{came or '?'} → {went or '?'}" if came or went else NOTHING


def _standing(row: Mapping[str, Any], links: bool) -> str:
    """How it stands among those like it, which leads to them."""
    said = safe(standing_words(row))
    if links:
        said = link(said, "tails", metric=row["metric"], mod=row["inputs"])
    return f"<small>{said}</small>"


def _fact(name: str, text: str, title: str = "", *, more: str = "", code: bool = False) -> str:
    shown = (f"<code>{safe(text)}</code>" if code else safe(text, limit=80)) + more
    return f'<div><dt>{name}</dt><dd title="{safe(title or text)}">{shown}</dd></div>'
