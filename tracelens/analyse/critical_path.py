"""Which stage the time of a request was spent on: its critical path, swept backwards.

From the end of the request, the time goes to the child that ends last before the cursor, then to
what that child waited for, and so on to the start (Böhme et al. 2012; CRISP, USENIX ATC 2022).
Equal times count as before one another, or emitters that round to milliseconds would look idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

#: A piece of the path: its stage or `residual`, and when it begins and ends in ns.
Piece = tuple[str, int, int]


@dataclass
class Node:
    """A span on the path: times in ns."""

    span_id: str
    stage: str | None
    start: int
    end: int
    children: list[Node] = field(default_factory=list)


def build_tree(spans: Sequence[Mapping[str, object]], start: int, end: int) -> Node:
    """A tree over `span_id, parent_span_id, stage, start_unix_nano, end_unix_nano` rows.

    Spans without a parent in the list hang under a root that covers the request.
    """
    root = Node("", None, start, end)
    nodes: dict[object, Node] = {}
    for span in spans:
        first, last = span["start_unix_nano"], span["end_unix_nano"]
        if isinstance(first, int) and isinstance(last, int) and last >= first:
            stage = span["stage"]
            nodes[span["span_id"]] = Node(
                str(span["span_id"]), stage if isinstance(stage, str) else None, first, last
            )
    parents = _acyclic(spans, nodes)
    for span_id, node in nodes.items():
        nodes.get(parents[span_id], root).children.append(node)
    return root


def _acyclic(
    spans: Sequence[Mapping[str, object]], nodes: Mapping[object, Node]
) -> dict[object, object]:
    """The parent of each span; None for one that would close a circle."""
    parents = {span["span_id"]: span["parent_span_id"] for span in spans}
    safe: set[object] = set()
    for span_id in nodes:
        climbed: set[object] = set()
        while span_id in nodes and span_id not in safe:
            climbed.add(span_id)
            if parents[span_id] in climbed:
                parents[span_id] = None
            span_id = parents[span_id]
        safe |= climbed
    return parents


def critical_path(root: Node) -> tuple[dict[str, float], set[str]]:
    """Milliseconds by stage, with `residual` for what no stage accounts for, and the spans on it.

    The values add up to the duration of the root.
    """
    pieces, on_path = sweep(root)
    return add_up(pieces), on_path


def add_up(pieces: Iterable[Piece]) -> dict[str, float]:
    """Milliseconds by stage."""
    spent: dict[str, int] = {}
    for stage, start, end in pieces:
        spent[stage] = spent.get(stage, 0) + end - start
    return {stage: nanos / 1e6 for stage, nanos in sorted(spent.items())}


def sweep(root: Node) -> tuple[list[Piece], set[str]]:
    """The path in order of time, each piece as long as its stage lasts, and the spans on it.

    The pieces cover the root without a gap.
    """
    pieces: list[Piece] = []
    on_path: set[str] = set()
    waiting: list[tuple[Node, int, int, str | None]] = [(root, root.start, root.end, None)]
    while waiting:
        node, low, cursor, above = waiting.pop()
        stage = node.stage or above
        on_path.add(node.span_id)
        for child in sorted(node.children, key=lambda each: (-each.end, -each.start, each.span_id)):
            end = min(child.end, cursor)
            begin = max(child.start, low)
            if child.start >= cursor or end <= begin:
                continue
            pieces.append((stage or "residual", end, cursor))
            waiting.append((child, begin, end, stage))
            cursor = begin
        pieces.append((stage or "residual", low, cursor))
    on_path.discard("")
    return _joined(pieces), on_path


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces in order of time; neighbours of one stage are one."""
    in_time = sorted((start, end, stage) for stage, start, end in pieces if start < end)
    joined: list[Piece] = []
    for stage, group in groupby(in_time, key=itemgetter(2)):
        run = list(group)
        joined.append((stage, run[0][0], run[-1][1]))
    return joined
