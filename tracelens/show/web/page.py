"""The evidence file: one HTML page that shows the answer on a request on any machine."""

from __future__ import annotations

from tracelens.analyse import Explanation
from tracelens.show.records import explanation_record, to_json
from tracelens.show.timeline import lay_out
from tracelens.show.web.chain import chain_html
from tracelens.show.web.costs import cost_html
from tracelens.show.web.difference import differences_html, texts_html
from tracelens.show.web.evidence import evidence_html, usual_html
from tracelens.show.web.html import safe, stylesheet
from tracelens.show.web.neighbours import requests_html
from tracelens.show.web.notes import notes_html
from tracelens.show.web.rail import rail_html
from tracelens.show.web.verdict import verdict_html
from tracelens.show.web.waterfall import waterfall_html

#: No script runs and nothing is fetched, whatever a trace says.
RULE = "default-src 'none'; style-src 'unsafe-inline'"
LOOK = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 1200px; font-size: 15px;
  font-family: Inter, system-ui, "Segoe UI", Roboto, sans-serif; line-height: 1.5;
  color: var(--tl-text); background: var(--tl-page); }
h2.tl-head { font-size: 1.12rem; font-weight: 600; margin: 1.8rem 0 .6rem; }
pre { white-space: pre-wrap; }
footer { margin-top: 2rem; color: var(--tl-muted); font-size: .85rem; }
@media print { details:not([open]) { display: none; } }
"""


def evidence_page(explained: Explanation) -> str:
    """Verdict, pipeline, differences, evidence, waterfall and the whole record, without links."""
    request = explained.request
    sections = [
        ("What changed at each boundary", differences_html(explained) + texts_html(explained)),
        ("Evidence", evidence_html(request["evidence"]) + usual_html(explained.usual)),
        ("Where the time went", _times(explained)),
        ("What it cost", cost_html(explained, links=False)),
        ("Similar failures", _similar(explained)),
        ("All data", _record(explained)),
    ]
    body = "".join(f'<h2 class="tl-head">{name}</h2>{html}' for name, html in sections if html)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{RULE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(request['request_id'][:12])} · tracelens</title>"
        f"<style>{stylesheet()}{LOOK}</style></head><body><main>"
        f"{verdict_html(explained, links=False)}"
        f"<div class='tl-rail-box'>{rail_html(explained)}</div>"
        f"{body}{notes_html(request['notes'])}</main>"
        "<footer>Written by tracelens from recorded traces. It holds what users said: pass it on"
        " to those who may read that.</footer></body></html>"
    )


def _times(explained: Explanation) -> str:
    fall = waterfall_html(explained.request, lay_out(explained), links=False)
    return fall + chain_html(explained)


def _similar(explained: Explanation) -> str:
    rows = explained.links.get("similar_failures") or []
    return requests_html(rows, links=False) if rows else ""


def _record(explained: Explanation) -> str:
    text = to_json(explanation_record(explained), indent=1)
    return (
        '<div class="tl"><details><summary>The record as JSON</summary>'
        f'<pre class="tl-raw" tabindex="0">{safe(text)}</pre></details></div>'
    )
