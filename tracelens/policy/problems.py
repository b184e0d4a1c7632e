"""What every check of a policy's rows asks: is a name known, and is a value a number."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any


def unknown(names: Iterable[str], known: Iterable[str], kind: str) -> Iterator[str]:
    """A sentence for each name that is not known, with the one that may be meant."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            yield f"unknown {kind} {name!r}: {hint}"


def is_number(value: Any) -> bool:
    """Whether a value is a number from 0 on; infinity is one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
