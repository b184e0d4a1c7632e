"""What the store reaches over: how many requests, from when to when."""

from __future__ import annotations

from typing import Any

from tracelens.store import Store


def describe_extent(store: Store) -> dict[str, Any]:
    """`requests, failed` counted, `first_unix_nano, last_unix_nano` of their starts or null."""
    sql = """
    select count(*) as requests, count(*) filter (where failed) as failed,
           min(start_unix_nano) as first_unix_nano, max(start_unix_nano) as last_unix_nano
    from requests
    """
    return store.query(sql).row(0, named=True)
