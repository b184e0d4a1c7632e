"""What of each page is visited: every page that there is, and the states of some of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.dashboards.browser.visits import page_names
from tests.dashboards.stores import STATES


@dataclass(frozen=True)
class Place:
    """A page in a state; `state` is one of `Made.ids`, whose id the address gets."""

    page: str
    state: str = ""
    parameters: dict[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.page}-{self.state}" if self.state else self.page


EXPLAINED = (*STATES, "lost", "session", "missing")


def all_places() -> list[Place]:
    """Each page as it opens, and Explain on a request in every state."""
    return [*map(Place, page_names()), *(Place("explain", state) for state in EXPLAINED)]
