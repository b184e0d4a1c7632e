"""Dialects of JSON that hold spans without being OTLP, one module each.

A dialect has a `NAME`, and two functions: `claims(document)`, which looks at the keys of a parsed
document, and `read(document, output)`, which puts its spans. All share the cutting of a stream
into documents, so that each may come one a line, pretty-printed, concatenated, or in a list.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from tracelens.read.dialects import (
    flat_dict,
    jaeger,
    langfuse,
    otel_js,
    otel_python,
    phoenix,
    zipkin,
)
from tracelens.read.foreign import Output


class Dialect(Protocol):
    """What a module of this package has to offer."""

    NAME: str

    def claims(self, document: Any) -> bool:
        """Whether a parsed JSON document is of this dialect."""

    def read(self, document: Any, output: Output) -> None:
        """Put all spans of a document that this dialect claims."""


#: In the order in which they are asked: those with unmistakable keys first.
DIALECTS: Final[tuple[Dialect, ...]] = (
    jaeger,
    phoenix,
    langfuse,
    otel_python,
    otel_js,
    zipkin,
    flat_dict,
)


def find_dialect(document: Any) -> Dialect | None:
    """The dialect of a parsed document; None when no module knows it."""
    return next((dialect for dialect in DIALECTS if dialect.claims(document)), None)
