"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 request`, `1,234 requests`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
