"""Reads JSON dumps: regular documents fast, everything else with care."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tracelens.read import loose_json, otlp_json
from tracelens.read.describe import describe_document, describe_start
from tracelens.read.dialects import find_dialect
from tracelens.read.documents import (
    OPEN,
    SPACE,
    Piece,
    Splitter,
    document_end,
    next_start,
    pass_bytes,
    read_block,
    skip_space,
)
from tracelens.read.foreign import Output
from tracelens.read.parts import Envelope, Place
from tracelens.read.sink import Sink
from tracelens.read.tally import ENDS_INSIDE
from tracelens.read.values import UnreadableError, replace_nul
from tracelens.read.window import CutError, Window

_DECODER: Final = msgspec.json.Decoder(otlp_json.Request)
_SPAN: Final = msgspec.json.Decoder(otlp_json.Span)
#: Resources and scopes repeat from batch to batch; so many are remembered.
_REMEMBERED: Final = 4096
_TOO_DEEP: Final = "it is nested deeper than can be read (limits.depth)"
_START: Final = re.compile(rb"""\s*(?:\{\s*(?:}|"[^\x00-\x1f])|\[\s*[{\[\]])""")
#: Names that only documents with OTLP inside have near their beginning.
_OTLP: Final = re.compile(
    rb'"(?:resource_?(?:spans|logs|metrics|profiles)|batches|scope_?spans'
    rb'|instrumentation_?library_?spans)"',
    re.I,
)
_FOREIGN_HANDFUL: Final = 4 * 1024**2
_BETWEEN: Final = re.compile(rb"[\s,\]]*")


def claims(window: Window) -> bool:
    """JSON begins with a bracket; after a line break also with what JSON has behind it.

    A protobuf request begins with the byte of a line break, and then a length: 123 is a brace. That
    length may stand in front of the request as well.
    """
    head = window.peek(64 * 1024)
    if head.startswith((b"\n", b"{\n", b"[\n")):
        return _START.match(head) is not None
    return head.lstrip(SPACE)[:1] in (b"{", b"[")


def claims_damaged(window: Window) -> bool:
    """A log or a cut file with JSON documents on later lines."""
    return b'\n{"' in window.peek(64 * 1024)


def read(window: Window, sink: Sink) -> Iterator[None]:
    """Read all documents of the stream into the sink."""
    reader = JsonReader(sink)
    while skip_space(window):
        block = read_block(window)
        if block is not None:
            reader.read_block(block, last=window.ended and not window.held)
            yield
        else:
            yield from reader.read_long(window)
    sink.tally.format = reader.format


class JsonReader:
    """Puts the spans of JSON documents into a sink."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.lines = True
        #: What was found, in order of appearance.
        self.kinds: dict[str, None] = {}
        self.envelopes: dict[tuple[bytes, bytes], Envelope] = {}
        self.foreign: dict[bytes, Envelope] = {}

    @property
    def format(self) -> str:
        """Name of what was read, for example `otlp_json_lines`."""
        kinds = "+".join(self.kinds) or "otlp"
        return f"{kinds}_json_lines" if self.lines else f"{kinds}_json"

    def read_block(self, block: Piece, last: bool = False) -> None:
        """One document as a rule; else find the documents in it and reject what is none."""
        if self.accept(block):
            self.lines = self.lines and b"\n" not in block.data.rstrip()
            return
        at = 0
        while at < len(block.data):
            at = self.read_piece(block, at, last)
            between = _BETWEEN.match(block.data, at)
            at = between.end() if between else at

    def read_piece(self, block: Piece, at: int, last: bool) -> int:
        """Read the document at `at`, or reject what stands there; return where to go on."""
        data = block.data
        end = document_end(data, at) if data[at] in OPEN else -1
        if end > 0:
            if self.accept(cut(block, at, end)):
                self.lines = False
                return end
            stop = next_start(data, at) if b"\n" in data[at:end].rstrip() else end
            self.reject(cut(block, at, stop), "it is not valid JSON")
            return stop
        stop = next_start(data, at)
        piece = cut(block, at, stop)
        if end == 0 and last and stop == len(data):
            self.salvage(piece, f"{ENDS_INSIDE} document")
        else:
            self.reject(piece, "the document does not end" if end == 0 else "it is not JSON")
        return stop

    def read_long(self, window: Window) -> Iterator[None]:
        """A document too long to hold, handful by handful."""
        start = Piece(window.position, window.line, window.peek(64 * 1024))
        rejected = self.sink.tally.records_rejected
        self.lines = False
        if self.read_held(window):
            yield
            return
        splitter = Splitter(window, self.sink.limits.record_bytes)
        pieces = splitter.walk()
        if not _OTLP.search(start.data):
            limit = self.sink.limits.document_bytes
            splitter = Splitter(window, limit, _FOREIGN_HANDFUL, "document_bytes")
            pieces = splitter.unwrap()
        try:
            for piece in pieces:
                self.accept_or_reject(piece)
                yield
        except CutError:
            self.reject(start, f"{ENDS_INSIDE} document, at byte {window.position}")
        except (UnreadableError, RecursionError) as error:
            self.reject(start, str(error) if isinstance(error, UnreadableError) else _TOO_DEEP)
            find_start(window)
        if splitter.resource_came_late:
            self.sink.tally.warn("resource_after_spans", place_of(start).at)
        if self.sink.tally.records_rejected == rejected and not splitter.found:
            self.refuse(place_of(start), describe_start(start.data), start.data)

    def read_held(self, window: Window) -> bool:
        """Read the documents that end within what is held; False when not even one does."""
        found = False
        while window.held and window.data[window.at] in OPEN:
            end = document_end(window.data, window.at)
            if not end:
                break
            self.read_block(pass_bytes(window, end - window.at))
            found = True
            if self.sink.full or not skip_space(window):
                break
        return found

    def salvage(self, piece: Piece, reason: str) -> None:
        """Read the whole spans of a document that cannot be decoded in one go, reject the rest."""
        before = self.sink.tally.spans_read
        window = Window(iter([piece.data]), piece.position, piece.line)
        splitter = Splitter(window, len(piece.data), handful=1)
        try:
            for single in splitter.walk():
                self.accept_single(single)
            if splitter.found:
                return
        except CutError:
            pass
        except (UnreadableError, RecursionError) as error:
            reason = str(error) if isinstance(error, UnreadableError) else _TOO_DEEP
        count = self.sink.tally.spans_read - before
        self.reject(piece, f"{reason}; spans read before that: {count}" if count else reason)

    def accept_single(self, piece: Piece) -> None:
        """A document made of one span: what fails here is that span."""
        try:
            if self.accept(piece, single=True):
                return
            reason = "it is not valid JSON"
        except RecursionError:
            reason = _TOO_DEEP
        self.sink.reject(place_of(piece), reason, piece.data)

    def accept_or_reject(self, piece: Piece) -> None:
        if not self.accept(piece):
            self.salvage(piece, "it is not valid JSON")

    def accept(self, piece: Piece, single: bool = False) -> bool:
        """Read a document; False when the bytes are not one JSON document."""
        try:
            request = _DECODER.decode(piece.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self.accept_loose(piece, single)
        self.sink.traces_seen = True
        self.kinds["otlp"] = None
        place = place_of(piece)
        for resource_spans in request.resource_spans or ():
            for scope_spans in resource_spans.scope_spans or ():
                if scope_spans.spans:
                    envelope = self.envelope(
                        place, bytes(resource_spans.resource), bytes(scope_spans.scope)
                    )
                    for raw in scope_spans.spans:
                        self.read_raw(place, envelope, raw)
        return True

    def read_raw(self, place: Place, envelope: Envelope, raw: msgspec.Raw) -> None:
        """One span: as the specification has it, else by the rules for everything else."""
        try:
            span = _SPAN.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.read_odd(place, envelope, bytes(raw))
        else:
            self.add(place, envelope, span, raw)

    def read_odd(self, place: Place, envelope: Envelope, data: bytes) -> None:
        """One span that deviates from the specification."""
        try:
            parsed = self.parse(data, place)
        except RecursionError:
            self.sink.reject(place, _TOO_DEEP, data)
        except ValueError:
            self.sink.reject(place, "it is not valid JSON", data)
        else:
            tidy = loose_json.Tidy(self.sink.tally, place.at, self.sink.limits.depth)
            self.read_span(place, envelope, parsed, tidy)

    def accept_loose(self, piece: Piece, single: bool) -> bool:
        place = place_of(piece)
        try:
            document = self.parse(piece.data, place)
        except RecursionError:
            if single:
                raise
            begin = len(piece.data) - len(piece.data.lstrip(SPACE))
            if not document_end(piece.data, begin):
                return False
            self.salvage(piece, _TOO_DEEP)
            return True
        except ValueError:
            return False
        try:
            self.read_document(document, place, piece.data)
        except RecursionError:
            self.reject(piece, _TOO_DEEP)
        return True

    def parse(self, data: bytes, place: Place) -> Any:
        """Any JSON, also with NaN, lone surrogates or broken UTF-8; ValueError when it is none."""
        try:
            return msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass
        text = data.decode("utf-8", "replace")
        document = json.loads(text)
        clean = replace_nul(document)
        if repr(clean) != repr(document) or len(text.encode("utf-8", "replace")) != len(data):
            self.sink.tally.warn("text_replaced", place.at)
        return clean

    def read_document(self, document: Any, place: Place, data: bytes) -> None:
        """A parsed document of any shape: its spans, or what it is instead."""
        resources = loose_json.find_resources(document)
        signals = loose_json.count_signals(document, self.sink.tally)
        if resources is not None:
            self.sink.traces_seen = True
            self.kinds["otlp"] = None
            tidy = loose_json.Tidy(self.sink.tally, place.at, self.sink.limits.depth)
            for raw in resources:
                self.read_resource(raw, tidy, place, data)
        elif dialect := find_dialect(document):
            self.sink.traces_seen = True
            self.kinds[dialect.NAME] = None
            dialect.read(document, Output(self.sink, place, self.foreign))
        elif not signals and document != {}:
            self.refuse(place, describe_document(document), data)

    def refuse(self, place: Place, what: str, data: bytes) -> None:
        self.sink.stranger = self.sink.stranger or what
        self.sink.tally.reject_record(place.at, f"this looks like {what}", data)

    def read_resource(self, raw: Any, tidy: loose_json.Tidy, place: Place, data: bytes) -> None:
        try:
            picked = tidy.pick(raw, loose_json.RESOURCE_SPANS, "resourceSpans")
            resource = tidy.resource(picked.get("resource"))
            lists = [raw[name] for name in raw if name in loose_json.SCOPE_LISTS]
            scopes = [scope for each in lists for scope in tidy.items(each, "scopeSpans")]
        except UnreadableError as error:
            self.sink.tally.reject_record(place.at, str(error), data)
            return
        for scope_spans in scopes:
            try:
                picked = tidy.pick(scope_spans, loose_json.SCOPE_SPANS, "scopeSpans")
                envelope = self.make_envelope(place, resource, tidy.scope(picked.get("scope")))
                spans = tidy.items(picked.get("spans"), "spans")
            except UnreadableError as error:
                self.sink.tally.reject_record(place.at, str(error), data)
                continue
            for span in spans:
                self.read_span(place, envelope, span, tidy)

    def read_span(self, place: Place, envelope: Envelope, raw: Any, tidy: loose_json.Tidy) -> None:
        try:
            span = tidy.span(raw)
        except UnreadableError as error:
            self.sink.reject(place, str(error), dump(raw))
        except RecursionError:
            self.sink.reject(place, _TOO_DEEP, dump(raw))
        else:
            self.add(place, envelope, span, raw)

    def add(self, place: Place, envelope: Envelope, span: otlp_json.Span, raw: Any) -> None:
        try:
            otlp_json.add_span(self.sink, place, envelope, span)
        except UnreadableError as error:
            self.sink.reject(place, str(error), dump(raw))
        except RecursionError:
            self.sink.reject(place, _TOO_DEEP, dump(raw))

    def envelope(self, place: Place, resource: bytes, scope: bytes) -> Envelope:
        """Resource and scope from their JSON, remembered by it."""
        known = self.envelopes.get((resource, scope))
        if known is None:
            tidy = loose_json.Tidy(self.sink.tally, place.at, self.sink.limits.depth)
            known = self.make_envelope(
                place,
                self.part(resource, tidy.resource, place, otlp_json.Resource()),
                self.part(scope, tidy.scope, place, otlp_json.Scope()),
            )
            if len(self.envelopes) >= _REMEMBERED:
                self.envelopes.clear()
            self.envelopes[resource, scope] = known
        return known

    def part(self, data: bytes, build: Any, place: Place, otherwise: Any) -> Any:
        """A resource or scope; an empty one and a warning when it cannot be read."""
        try:
            return build(self.parse(data, place)) if data else otherwise
        except (ValueError, RecursionError):
            self.sink.tally.warn("bad_value", place.at)
            return otherwise

    def make_envelope(
        self, place: Place, resource: otlp_json.Resource, scope: otlp_json.Scope
    ) -> Envelope:
        notes: list[str] = []
        envelope = otlp_json.envelope_of(resource, scope, self.sink.limits.depth, notes)
        for note in notes:
            self.sink.tally.warn(note, place.at)
        return envelope

    def reject(self, piece: Piece, reason: str) -> None:
        self.sink.tally.reject_record(place_of(piece).at, reason, piece.data)


def cut(block: Piece, start: int, stop: int) -> Piece:
    """A part of a block, standing where it stood."""
    line = block.line + block.data.count(b"\n", 0, start)
    return Piece(block.position + start, line, block.data[start:stop])


def place_of(piece: Piece) -> Place:
    """Where a piece is, in lines and bytes."""
    return Place(piece.position, f"line {piece.line}, byte {piece.position}")


def find_start(window: Window) -> None:
    """After damage: pass to the next line that begins with a bracket."""
    while True:
        stop = next_start(window.data, window.at)
        if stop < len(window.data):
            window.advance(stop - window.at)
            return
        window.advance(max(window.held - 1, 0))
        if not window.fill():
            window.advance(window.held)
            return


def dump(raw: Any) -> bytes:
    """JSON of something rejected, as far as it can be written."""
    try:
        return msgspec.json.encode(raw)
    except (ValueError, OverflowError, RecursionError, TypeError):
        return b""
