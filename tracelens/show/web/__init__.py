"""HTML of finished values, for the pages and for files that people pass on.

Everything from a trace goes through `safe`, and nothing else makes text of it.
"""

from tracelens.show.web.evidence import evidence_html
from tracelens.show.web.html import safe, stylesheet
from tracelens.show.web.rail import rail_html
from tracelens.show.web.verdict import verdict_html

__all__ = ["evidence_html", "rail_html", "safe", "stylesheet", "verdict_html"]
