"""What a store is made of: which emitters wrote it, and in what state its files are."""

from __future__ import annotations

from typing import Any, Final

from tracelens.store import Store


def emitters_seen(store: Store) -> list[dict[str, Any]]:
    """Emitters by how many spans are theirs: `emitter, spans, requests`.

    `emitter` is None for spans that no mapping claims; the rules of the policy may still place
    them.
    """
    return store.query(_EMITTERS).rows(named=True)


def store_health(store: Store) -> dict[str, Any]:
    """Counts and sizes of a store.

    `requests`, `stale` verdicts among them, `commits`, `inputs` that were loaded; `segments`: for
    each kind of live segment `segments, rows, bytes`; `bytes` of the whole folder, `log_bytes` of
    the log in it.
    """
    counts = store.query(_COUNTS).row(0, named=True)
    return {**counts, **store.sizes()}


_EMITTERS: Final = """
select emitter, sum(spans)::bigint as spans, sum(requests)::bigint as requests
from (
    select emitter, count(*) as spans, 0 as requests from spans group by emitter
    union all
    select emitter, 0 as spans, count(*) as requests from requests group by emitter
)
group by emitter order by emitter is null, spans desc, emitter
"""

_COUNTS: Final = """
select (select count(*) from requests) as requests,
    (select count(*) from requests where stale) as stale,
    (select count(*) from loads where final) as inputs,
    (select count(distinct generation) from loads) as commits
"""
