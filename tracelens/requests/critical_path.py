"""Which stage the time of one request was spent on: its critical path, swept backwards.

From the end of the request, the time goes to the child that ends last before the cursor, then to
what that child waited for, and so on to the start (Böhme et al. 2012; CRISP, USENIX ATC 2022).
A producer that streams to a consumer is on the path until the consumer starts: it is clipped, not
left out. Equal times count as before one another, or emitters that round to milliseconds would look
idle; of spans that end together the one that started last is the consumer.

Spans are not always where their parents say. One that ends after its parent is held by the nearest
span above that ends no earlier, or by the request: streams outlive the call that opened them, and
consumers of a queue run after their producer. One that starts before its parent opens it. Both keep
the stage of what is above them. A consumer that outlives the request was not waited for. Spans
without an end or a length hold nothing, and what is below them belongs to the next span above.

`tracelens.requests.paths` finds the same for many requests at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

#: OTLP SpanKind of what takes messages from a queue.
CONSUMER: Final = 5

#: Trace and span id.
Key = tuple[str, str]
#: What decides between spans of the same times: trace, recorded start, span id.
Order = tuple[str, int, str]

#: A piece of the path: its stage or `residual`, and when it begins and ends in ns.
Piece = tuple[str, int, int]


@dataclass
class Node:
    """A span on the path: times in ns, `stage` its own or that of what is above it."""

    order: Order
    stage: str | None
    start: int
    end: int
    children: list[Node] = field(default_factory=list)
    above: Node | None = None
    jump: Node | None = None  # one further above, so that a search takes few steps (Myers 1983)
    depth: int = 0


def build_tree(spans: Sequence[Mapping[str, Any]], start: int, end: int) -> Node:
    """A tree over the spans of a request in which none begins before or ends after what holds it.

    Args:
        spans: rows of `span_id, parent_span_id, stage, start_unix_nano, end_unix_nano`, and where
            they are known `trace_id, kind, stage_by`.
        start: of the request, in ns; with `end` it bounds the root.
        end: of the request.
    """
    rows = {_key(span, "span_id"): span for span in spans}
    parents = _acyclic(rows)
    stages = _stages(rows, parents)
    root = Node(("", start, ""), None, start, end)
    root.jump = root
    nearest: dict[Key | None, Node | None] = {None: root}  # no node: the request waited for none
    nodes: list[Node] = []
    for key in _parents_first(parents):
        above = nearest[parents[key]]
        first, last = rows[key]["start_unix_nano"], rows[key]["end_unix_nano"]
        if last is not None and last > end and rows[key].get("kind") == CONSUMER:
            above = None
        elif above is not None and first is not None and last is not None and last > first:
            above = _hung(Node((key[0], first, key[1]), stages[key], first, last), above)
            nodes.append(above)
        nearest[key] = above
    for node in reversed(nodes):
        if node.above is not None and node.above is not root:
            node.above.start = min(node.above.start, node.start)
    return root


def _key(span: Mapping[str, Any], name: str) -> Key:
    return str(span.get("trace_id") or ""), str(span[name])


def _hung(node: Node, above: Node) -> Node:
    """The node, below the nearest one that ends no earlier, or below the root.

    Ends never decrease on the way up, so jumps may be taken as long as they end too early.
    """
    while above.above is not None and above.end < node.end:
        far = _jump(above)
        above = far if far.above is not None and far.end < node.end else above.above
    far = _jump(above)
    even = above.depth - far.depth == far.depth - _jump(far).depth
    node.above, node.depth = above, above.depth + 1
    node.jump = _jump(far) if even else above
    above.children.append(node)
    return node


def _jump(node: Node) -> Node:
    return node.jump or node


def _acyclic(rows: Mapping[Key, Mapping[str, Any]]) -> dict[Key, Key | None]:
    """The parent of each span; none for roots, and for the earliest span of a circle."""
    parents: dict[Key, Key | None] = {}
    for key, span in rows.items():
        parent = _key(span, "parent_span_id")
        parents[key] = parent if parent in rows else None
    safe: set[Key | None] = {None}
    for key in rows:
        climbed: dict[Key, None] = {}
        at: Key | None = key
        while at is not None and at not in safe and at not in climbed:
            climbed[at] = None
            at = parents[at]
        if at is not None and at in climbed:
            order = list(climbed)
            circle = order[order.index(at) :]
            parents[min(circle, key=lambda each: _age(each, rows))] = None
        safe.update(climbed)
    return parents


def _age(key: Key, rows: Mapping[Key, Mapping[str, Any]]) -> tuple[bool, int, Key]:
    start = rows[key]["start_unix_nano"]
    return start is not None, start or 0, key


def _parents_first(parents: Mapping[Key, Key | None]) -> list[Key]:
    below: dict[Key | None, list[Key]] = {}
    for key, parent in parents.items():
        below.setdefault(parent, []).append(key)
    order = list(below.get(None, []))
    for key in order:
        order.extend(below.get(key, []))
    return order


def _stages(
    rows: Mapping[Key, Mapping[str, Any]], parents: Mapping[Key, Key | None]
) -> dict[Key, str | None]:
    """The stage of each span, or that of the nearest one above it."""
    own = {key: span["stage"] for key, span in rows.items()}
    order = _parents_first(parents)
    # As where requests are assembled: a stage guessed by a task's name is none above others.
    for _ in range(2):
        above = _above(own, parents, order)
        shaky = {
            holder
            for key, holder in above.items()
            if own[key] is not None
            and holder is not None
            and own[holder] != own[key]
            and rows[holder].get("stage_by") == "task_name"
        }
        own = {key: None if key in shaky else stage for key, stage in own.items()}
    above = _above(own, parents, order)
    told: dict[Key, str | None] = {}
    for key in order:
        holder = above[key]
        told[key] = own[key] or (told[holder] if holder is not None else None)
    return told


def _above(
    own: Mapping[Key, str | None], parents: Mapping[Key, Key | None], order: Sequence[Key]
) -> dict[Key, Key | None]:
    """The nearest span with a stage strictly above each."""
    found: dict[Key, Key | None] = {}
    for key in order:
        parent = parents[key]
        found[key] = parent if parent is None or own[parent] is not None else found[parent]
    return found


def critical_path(root: Node) -> tuple[dict[str, float], set[str]]:
    """Milliseconds by stage, with `residual` for what no stage accounts for, and the spans on it.

    The values add up to the duration of the root.
    """
    pieces, on_path = sweep(root)
    return add_up(pieces), on_path


def add_up(pieces: Iterable[Piece]) -> dict[str, float]:
    """Milliseconds by stage."""
    return {stage: nanos / 1e6 for stage, nanos in sorted(nanos_by_stage(pieces).items())}


def nanos_by_stage(pieces: Iterable[Piece]) -> dict[str, int]:
    """Nanoseconds by stage: whole numbers, so that they add up exactly."""
    spent: dict[str, int] = {}
    for stage, start, end in pieces:
        spent[stage] = spent.get(stage, 0) + end - start
    return spent


def sweep(root: Node) -> tuple[list[Piece], set[str]]:
    """The path in order of time, each piece as long as its stage lasts, and the spans on it.

    The pieces cover the root without a gap.
    """
    pieces: list[Piece] = []
    on_path: set[str] = set()
    waiting: list[tuple[Node, int, int]] = [(root, root.start, root.end)]
    while waiting:
        node, low, cursor = waiting.pop()
        stage = node.stage or "residual"
        on_path.add(node.order[2])
        for child in sorted(node.children, key=lambda each: (-each.end, -each.start, each.order)):
            end = min(child.end, cursor)
            begin = max(child.start, low)
            if child.start >= cursor or end <= begin:
                continue
            pieces.append((stage, end, cursor))
            waiting.append((child, begin, end))
            cursor = begin
        pieces.append((stage, low, cursor))
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
