"""What every check of a policy's rows asks: is a name known, and is a value a number."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, Final

from tracelens.policy.globs import glob_regex

#: What can come in, as `modality` of a row names it.
KINDS: Final = ("audio", "document", "image", "none", "text", "video")
#: All that `modality` can be: kinds joined in order, or none.
INPUTS: Final = (
    "none",
    *(
        "+".join(kinds)
        for count in range(1, len(KINDS))
        for kinds in combinations([kind for kind in KINDS if kind != "none"], count)
    ),
)


def unknown(names: Iterable[str], known: Iterable[str], kind: str) -> Iterator[str]:
    """A sentence for each name that is not known, with the one that may be meant."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            yield f"unknown {kind} {name!r}: {hint}"


def bad_modality(glob: str, table: str) -> Iterator[str]:
    """A glob over what comes in that no request can fit, with the one that may be meant."""
    written = glob.lower()
    if "*" not in written:
        kinds = written.split("+")
        yield from unknown(kinds, KINDS, f"kind of input in [[{table}]] modality")
        meant = "+".join(sorted(set(kinds)))
        if set(kinds) <= set(KINDS) and written not in INPUTS:
            hint = f"did you mean {meant!r}?" if meant in INPUTS else "none stands alone"
            yield f"[[{table}]] modality = {glob!r} means no request: {hint}"
    elif not _fits_any(written):
        near = re.sub("[a-z]+", _nearest, written)
        hint = f"did you mean {near!r}?" if _fits_any(near) else f"kinds are {', '.join(KINDS)}"
        yield f"[[{table}]] modality = {glob!r} means no request: {hint}"


def _fits_any(glob: str) -> bool:
    pattern = re.compile(glob_regex(glob))
    return any(pattern.match(each) for each in INPUTS)


def _nearest(found: re.Match[str]) -> str:
    return next(iter(difflib.get_close_matches(found[0], KINDS, n=1)), found[0])


def is_number(value: Any) -> bool:
    """Whether a value is a number from 0 on; infinity is one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
