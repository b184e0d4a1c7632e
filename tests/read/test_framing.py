"""How documents and messages are found in a stream, and what a damaged one costs."""

import gzip
import hashlib
import json

import pytest
import zstandard

from tests.read.dumps import dump, framed, gzipped, proto, read, request, source, span, text, zstd
from tests.read.writers import delimited
from tracelens.errors import InputError, LimitError
from tracelens.policy.limits import Limits
from tracelens.read import decompress, documents, json_format, messages, read_spans, window
from tracelens.read.documents import Splitter
from tracelens.read.window import Window


def numbered(count, **fields):
    return [request(span(spanId=f"{n:016x}", **fields)) for n in range(1, count + 1)]


THREE = numbered(3)
LINES = dump(*THREE)
PRETTY = b"\n".join(json.dumps(one, indent=2).encode() for one in THREE)
JOINED = b"".join(json.dumps(one).encode() for one in THREE)
LIST_BY_LINE = b"[\n" + b",\n".join(json.dumps(one).encode() for one in THREE) + b"\n]\n"
RAW = b"".join(proto(one) for one in THREE)
FRAMED = framed(*[proto(one) for one in THREE])
FRAMED_ZSTD = framed(*[zstandard.compress(proto(one)) for one in THREE])
FRAMED_JSON_ZSTD = framed(*[zstandard.compress(json.dumps(one).encode()) for one in THREE])
EXPECTED = read(LINES)[0].drop("position")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (LINES, "otlp_json_lines"),
        (LINES.rstrip(), "otlp_json_lines"),
        (b"\n \n" + LINES.replace(b"\n", b"\n\n"), "otlp_json_lines"),
        (PRETTY, "otlp_json"),
        (b"\n".join(json.dumps(one, indent=0).encode() for one in THREE), "otlp_json"),
        (JOINED, "otlp_json"),
        (JOINED.replace(b"}{", b"} \t {"), "otlp_json"),
        (LIST_BY_LINE, "otlp_json"),
        (RAW, "otlp_proto"),
        (FRAMED, "otlp_proto_u32be"),
        (FRAMED_ZSTD, "otlp_proto_u32be_zstd"),
        (FRAMED_JSON_ZSTD, "otlp_json_u32be_zstd"),
    ],
)
@pytest.mark.parametrize("wrap", [None, gzipped, zstd])
def test_every_framing_gives_the_same_rows(data, name, wrap):
    rows, tally = read(wrap(data) if wrap else data)
    assert rows.drop("position").equals(EXPECTED)
    assert not tally.rejects
    assert tally.format == name + (f"_in_{wrap.__name__.removesuffix('ped')}" if wrap else "")
    assert tally.decompressed_bytes == len(data)
    assert tally.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [91, 123])
def test_a_message_whose_length_is_a_bracket_is_binary(size):
    name = next("x" * n for n in range(99) if len(proto(request(span(name="x" * n)))) == size + 2)
    binary = proto(request(span(name=name)))
    assert binary[1] == size
    assert read(binary)[1].format == "otlp_proto"
    assert read(framed(binary))[1].format == "otlp_proto_u32be"


@pytest.mark.parametrize("size", [91, 123, 138, 160])
def test_a_message_behind_a_length_that_is_a_bracket_is_binary(size):
    name = next("x" * n for n in range(199) if len(proto(request(span(name="x" * n)))) == size)
    binary = proto(request(span(name=name)))
    rows, tally = read(delimited(binary, binary))
    assert (rows.height, tally.format) == (2, "otlp_proto_delimited")


def test_a_bad_line_costs_that_line():
    first, second, third = LINES.splitlines(keepends=True)
    rows, tally = read(first + b'{"resourceSpans": oops}\n' + second + third)
    assert rows.drop("position").equals(EXPECTED)
    assert tally.records_rejected == 1
    reject = tally.rejects[0]
    assert reject.at == f"line 2, byte {len(first)}"
    assert reject.excerpt.startswith('{"resourceSpans": oops}')


@pytest.mark.parametrize("keep", range(1, 200, 7))
def test_a_line_cut_in_the_middle_costs_that_line(keep):
    first, second, third = LINES.splitlines(keepends=True)
    rows, tally = read(first + second[:keep] + b"\n" + third)
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert tally.records_rejected == 1
    assert tally.rejects[0].at == f"line 2, byte {len(first)}"


def test_garbage_between_documents_costs_itself():
    first, second, third = LINES.splitlines(keepends=True)
    rows, tally = read(b"2024 starting up\n" + first + b"noise, noise\n" + second + third)
    assert rows.drop("position").equals(EXPECTED)
    assert [reject.reason for reject in tally.rejects] == ["it is not JSON"] * 2


def test_a_bad_document_among_pretty_ones_costs_itself():
    damaged = PRETTY.replace(b'"0000000000000002"', b'"0000000000000002')
    rows, tally = read(damaged)
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert tally.records_rejected == 1


def test_a_bad_document_among_joined_ones_costs_itself():
    bad = json.dumps(THREE[1]).replace('"name"', "name")
    rows, tally = read(json.dumps(THREE[0]).encode() + bad.encode() + json.dumps(THREE[2]).encode())
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert tally.records_rejected == 1


def test_a_bad_element_of_a_list_costs_itself():
    bad = LIST_BY_LINE.replace(b'"spanId": "0000000000000002"', b'"spanId" "0000000000000002"')
    rows, tally = read(bad)
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert tally.records_rejected >= 1


@pytest.mark.parametrize("wrap", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("lost", [1, 20, 150])
def test_a_cut_last_line_costs_what_is_cut(wrap, lost):
    data = LINES[: -1 - lost]
    rows, tally = read(wrap(data))
    assert rows["span_id"].to_list()[:2] == [f"{1:016x}", f"{2:016x}"]
    assert tally.records_rejected == 1
    assert "ends inside" in tally.rejects[0].reason


def test_whole_spans_of_a_cut_document_are_read():
    whole = json.dumps(request(*[span(spanId=f"{n:016x}") for n in range(1, 6)])).encode()
    rows, tally = read(whole[: whole.rindex(b'"startTime')])
    assert rows["span_id"].to_list() == [f"{n:016x}" for n in range(1, 5)]
    assert rows["service"].to_list() == ["bot"] * 4
    assert "spans read before that: 4" in tally.rejects[0].reason
    assert tally.reject_reasons == {"the input ends inside of this document": 1}


def test_a_cut_that_leaves_nothing_is_an_error():
    with pytest.raises(InputError, match="ends inside of this document"):
        read(json.dumps(THREE[0]).encode()[:150])


@pytest.mark.parametrize("wrap", [gzip.compress, zstandard.compress])
def test_a_cut_compressed_stream_costs_its_end(wrap):
    data = dump(*numbered(3000, attributes=[text("k", "v" * 50)]))
    packed = wrap(data)
    rows, tally = read(packed[: len(packed) // 2])
    assert 0 < rows.height < 3000
    assert "stream ends early" in tally.rejects[-1].reason


@pytest.mark.parametrize("wrap", [gzip.compress, zstandard.compress])
def test_a_compressed_stream_cut_at_its_start_is_an_error(wrap):
    with pytest.raises(InputError, match="ends early"):
        read(wrap(LINES)[:20])


def test_a_damaged_compressed_stream_costs_its_end():
    packed = bytearray(gzip.compress(LINES))
    packed[-6] ^= 0xFF
    rows, tally = read(bytes(packed))
    assert rows.drop("position").equals(EXPECTED)
    assert "gzip stream is damaged" in tally.rejects[-1].reason


def test_padding_after_gzip_is_no_damage():
    rows, tally = read(gzip.compress(LINES) + bytes(512))
    assert rows.drop("position").equals(EXPECTED)
    assert not tally.rejects
    assert not tally.warnings


@pytest.mark.parametrize("data", [RAW, FRAMED, FRAMED_ZSTD], ids=["raw", "framed", "zstd"])
def test_binary_cut_anywhere_is_said(data):
    for size in range(1, len(data)):
        try:
            rows, tally = read(data[:size])
        except InputError:
            continue
        complete = size in whole_sizes(data)
        assert complete or tally.rejects, size
        assert rows.height <= 3


def whole_sizes(data):
    sizes, at = set(), 0
    while at < len(data):
        at += len(data) // 3
        sizes.add(at)
    return sizes


def test_a_bad_text_in_binary_costs_its_span():
    binary = proto(request(span(name="good"), span(name="baad", spanId="00000000000000cc")))
    rows, tally = read(binary.replace(b"baad", b"ba\xff\xff"))
    assert rows["name"].to_list() == ["good"]
    assert tally.spans_rejected == 1
    assert tally.rejects[0].at.startswith("byte ")


def test_a_bad_frame_costs_itself():
    one, _, three = (proto(each) for each in THREE)
    rows, tally = read(framed(one, b"\x99" * 40, three))
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert tally.records_rejected == 1


def test_a_frame_beyond_the_limit_is_passed_over():
    one, _, three = (proto(each) for each in THREE)
    data = framed(one, b"\n" * 5_000, three)
    rows, tally = read(data, limits=Limits(record_bytes=4_000))
    assert rows["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert "record_bytes (4000)" in tally.rejects[0].reason


@pytest.fixture
def small_steps(monkeypatch):
    """Split documents and messages as if a few kilobytes were too much to hold."""
    monkeypatch.setattr(documents, "SPLIT_BYTES", 2_000)
    monkeypatch.setattr(messages, "SPLIT_BYTES", 300)
    for module in (decompress, window):
        monkeypatch.setattr(module, "CHUNK", 256)


def drip(data, size=64):
    return iter([data[at : at + size] for at in range(0, len(data), size)])


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_too_long_to_hold_is_split(indent):
    many = request(*[span(spanId=f"{n:016x}", name='a"}]{[' * 3) for n in range(1, 600)])
    tail = request(span(spanId="00000000000000ff"))
    long = json.dumps(many, indent=indent).encode() + b"\n" + json.dumps(tail).encode()
    rows, tally = read(long)
    expected, _ = read(dump(many, tail))
    assert rows.drop("position").equals(expected.drop("position"))
    assert not tally.rejects
    assert not tally.warnings


@pytest.mark.usefixtures("small_steps")
def test_a_list_too_long_to_hold_is_split():
    rows, tally = read(json.dumps(numbered(500)).encode())
    assert rows["span_id"].to_list() == [f"{n:016x}" for n in range(1, 501)]
    assert not tally.rejects


@pytest.mark.usefixtures("small_steps")
def test_a_long_document_that_is_cut_gives_its_whole_spans():
    many = request(*[span(spanId=f"{n:016x}") for n in range(1, 600)])
    data = json.dumps(many).encode()
    rows, tally = read(data[: len(data) // 2])
    assert 200 < rows.height < 400
    assert "ends inside of this document" in tally.rejects[0].reason


@pytest.mark.usefixtures("small_steps")
def test_a_long_document_that_is_damaged_gives_its_spans_and_what_follows():
    many = json.dumps(request(*[span(spanId=f"{n:016x}") for n in range(1, 600)]))
    bad = many.replace(f'{{"traceId": "{span()["traceId"]}", "spanId": "{400:016x}"', ";", 1)
    rows, tally = read(bad.encode() + b"\n" + dump(request(span(spanId="00000000000000ff"))))
    assert rows["span_id"].to_list()[:399] == [f"{n:016x}" for n in range(1, 400)]
    assert rows["span_id"].to_list()[-1] == "00000000000000ff"
    assert tally.records_rejected >= 1


@pytest.mark.usefixtures("small_steps")
def test_a_message_too_long_to_hold_is_split():
    many = request(*[span(spanId=f"{n:016x}") for n in range(1, 600)])
    rows, tally = read(proto(many) + proto(THREE[0]))
    expected, _ = read(dump(many, THREE[0]))
    assert rows.drop("position").equals(expected.drop("position"))
    assert not tally.rejects


@pytest.mark.usefixtures("small_steps")
def test_a_long_document_of_another_kind_is_named():
    search = {"traces": [{"traceID": "1", "spanSets": []}] * 9_000}
    with pytest.raises(InputError, match="a Tempo search result"):
        read(dump(search))
    rows, tally = read(dump(request(span()), search))
    assert (rows.height, tally.records_rejected) == (1, 1)


def test_the_splitter_holds_a_handful():
    many = json.dumps(request(*[span(spanId=f"{n:016x}") for n in range(1, 600)])).encode()
    pieces = list(Splitter(Window(drip(many)), 10_000, handful=500).walk())
    assert len(pieces) > 100
    assert max(len(piece.data) for piece in pieces) < 1_200
    assert [many[piece.position : piece.position + 10] for piece in pieces] == [
        b'{"traceId"'
    ] * len(pieces)


def test_a_resource_behind_its_spans_is_said(monkeypatch):
    monkeypatch.setattr(documents, "SPLIT_BYTES", 100)
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span()]}], "resource": {}}]}
    many = json.dumps(document).encode() + b" " * 50
    splitter = Splitter(Window(drip(many)), 10_000)
    list(splitter.walk())
    assert splitter.resource_came_late
    assert json_format.claims(Window(drip(many)))


def test_a_bomb_is_stopped():
    bomb = zstandard.compress(b" " * 200_000_000)
    with pytest.raises(LimitError, match="compression_ratio"):
        read(bomb)


def test_more_than_the_limit_is_stopped():
    with pytest.raises(LimitError, match="decompressed_bytes"):
        read(LINES, limits=Limits(decompressed_bytes=100))


def test_rejects_are_bounded_and_their_count_is_not():
    data = LINES + b'{"x" 1}\n' * 50
    _, tally = read(data, limits=Limits(rejects_kept=5))
    assert (len(tally.rejects), tally.records_rejected) == (5, 50)


def test_excerpts_are_short_and_escaped():
    _, tally = read(LINES + b'{"\x1b[31m' + b"x" * 900 + b"\n" + LINES)
    excerpt = tally.rejects[0].excerpt
    assert excerpt.startswith('{"\\x1b[31mxxx')
    assert len(excerpt) < 220


def test_reading_begins_with_iteration():
    reader = read_spans(source(b""), {})
    with pytest.raises(InputError, match="empty"):
        list(reader)
