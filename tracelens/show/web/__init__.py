"""HTML of finished values, for the pages and for files that people pass on.

Everything from a trace goes through `safe`, and nothing else makes text of it.
"""

from tracelens.show.web.difference import differences_html, texts_html
from tracelens.show.web.evidence import evidence_html
from tracelens.show.web.html import address, link, moment, safe, stylesheet
from tracelens.show.web.neighbours import extent_sentence, requests_html
from tracelens.show.web.notes import notes_html
from tracelens.show.web.page import evidence_page
from tracelens.show.web.rail import rail_html
from tracelens.show.web.span import span_html
from tracelens.show.web.verdict import verdict_html
from tracelens.show.web.waterfall import waterfall_html

__all__ = [
    "address",
    "differences_html",
    "evidence_html",
    "evidence_page",
    "extent_sentence",
    "link",
    "moment",
    "notes_html",
    "rail_html",
    "requests_html",
    "safe",
    "span_html",
    "stylesheet",
    "texts_html",
    "verdict_html",
    "waterfall_html",
]
