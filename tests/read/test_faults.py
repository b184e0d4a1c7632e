"""Rows of the fault matrix that concern reading, each test named by its row."""

import gzip
import json
import os
import random
import resource
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read.dumps import (
    SPAN,
    START,
    TRACE,
    attribute,
    dump,
    framed,
    parsed,
    proto,
    read,
    read_one,
    request,
    source,
    span,
    text,
)
from tracelens.errors import InputError, LimitError, TracelensError
from tracelens.policy.limits import Limits
from tracelens.read import file_source, read_spans

ONE = request(span())
LINE = dump(ONE)
MIB = 1024**2


def numbered(count):
    return [request(span(spanId=f"{n:016x}")) for n in range(1, count + 1)]


@pytest.mark.parametrize("data", [b"", gzip.compress(b""), b" \n"], ids=["none", "gzip", "white"])
def test_row_01_an_empty_file_is_refused(data):
    with pytest.raises(InputError, match=r"empty|white space"):
        read(data)


@settings(max_examples=500)
@given(st.binary(min_size=1, max_size=120))
def test_row_02_random_bytes_are_refused_or_have_ids(data):
    try:
        rows, _ = read(data)
    except TracelensError:
        return
    assert all("invalid_id" not in notes for notes in rows["notes"]) if rows.height else True


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<html><body>[{}]</body></html>", "HTML"),
        (b"a;b\n1;2\n3;4\n", "CSV"),
    ],
)
@pytest.mark.parametrize("name", ["x.pb", "x.json"])
def test_row_03_content_counts_and_names_do_not(tmp_path, data, what, name):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=what):
        list(read_spans(file_source(tmp_path / name), {}))


def test_row_04_protobuf_cut_at_every_byte_is_said():
    whole = proto(request(*[span(spanId=f"{n:016x}") for n in range(1, 4)]))
    for size in range(1, len(whole)):
        try:
            rows, tally = read(whole[:size])
        except InputError:
            continue
        assert tally.rejects, size
        assert rows.height < 3


def test_row_05_concatenated_and_framed_requests_sum_up():
    three = [proto(one) for one in numbered(3)]
    assert read(b"".join(three))[0].height == read(framed(*three))[0].height == 3


def deep(depth):
    value = {"stringValue": "core"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return {"key": "deep", "value": value}


@pytest.mark.parametrize(("depth", "kept"), [(30, 2), (60, 1), (400, 1)])
def test_row_06_deep_binary_values_cost_their_span(depth, kept):
    bad = span(spanId="00000000000000dd", attributes=[deep(depth)])
    rows, tally = read(proto(request(span(), bad)))
    assert rows.height == kept
    assert tally.spans_rejected == 2 - kept


@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
def test_row_08_deep_json_never_escapes(depth):
    for data in (b"[" * depth, b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        rows, tally = read(LINE + data + b"\n" + LINE)
        assert rows.height == 2
        assert tally.records_rejected >= 1


def test_row_09_json_inside_of_text_stays_text():
    value = "[" * 20_000
    assert read_one(attributes=[text("k", value)])["attrs_big"] == {"k": value}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"a":1,}', b"[1,]", b"{'a':1}", b'{"a" 1}', b"[1 2]", b'["\\x"]', b"[01]", b"[.5]",
        b"[+1]", b'["\t"]', b"[tru]", b"{1:2}", b'{"a":1}}', b"[1]]", b"[\x00]", b'["', b"[1e]",
    ],
)  # fmt: skip
def test_row_10_what_is_no_json_is_rejected_without_a_crash(bad):
    rows, tally = read(LINE + bad + b"\n" + LINE)
    assert rows.height == 2
    assert tally.records_rejected >= 1


def test_row_11_numbers_beyond_doubles_are_tagged():
    data = dump(request(span(attributes=[attribute("a", "doubleValue", 1.5)])))
    for written, name in ((b"1e999", "Infinity"), (b"-Infinity", "-Infinity"), (b"NaN", "NaN")):
        row = parsed(read(data.replace(b"1.5", written))[0])
        assert row["attrs"] == {"a": {"$double": name}}


@pytest.mark.parametrize("raw", [2**63, 2**64 - 1, 2**64, -1, 10**4_000])
@pytest.mark.parametrize("write", [str, int])
def test_row_12_times_beyond_int64_are_null(raw, write):
    row = read_one(startTimeUnixNano=write(raw))
    assert row["start_unix_nano"] is None
    assert row["notes"] == ["time_out_of_range"]


def test_row_12_an_int_of_5000_digits_costs_at_most_its_span():
    data = LINE.replace(f'"{START}"'.encode(), b"9" * 5_000)
    rows, tally = read(data + LINE)
    assert rows.height + tally.spans_rejected + tally.records_rejected == 2
    assert rows.height >= 1


def test_row_13_the_last_of_duplicate_json_keys_counts_always():
    line = LINE.replace(b'"name": "llm"', b'"name": "one", "name": "two"')
    loose = line.replace(b'"traceId"', b'"trace_id"')
    assert read(line)[0]["name"].to_list() == read(loose)[0]["name"].to_list() == ["two"]


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_row_14_encodings_are_read_or_said(name):
    data = json.dumps(request(span(name="größe")), ensure_ascii=False).encode(name)
    rows, tally = read(data.replace(b"\n", b"\r\n"))
    replaced = name == "latin-1"
    assert rows["name"].to_list() == ["gr��e" if replaced else "größe"]
    assert ("text_replaced" in tally.warnings) == replaced


def test_row_15_text_that_is_no_utf_8_costs_its_span():
    data = proto(request(span(name="good"), span(name="baad", spanId="00000000000000cc")))
    rows, tally = read(data.replace(b"baad", b"ba\xff\xff"))
    assert (rows["name"].to_list(), tally.spans_rejected) == (["good"], 1)


NAUGHTY = ["\u202eevil", "\u200bzero", "💥", "\x1b[31m", "\x7f", "\ufeff", "a\u0301", "ﷺ", "\r\n\t"]


@pytest.mark.parametrize("word", NAUGHTY)
def test_row_16_odd_text_is_kept_as_it_is(word):
    row = read_one(name=word, attributes=[text(word, word)])
    assert (row["name"], row["attrs"]) == (word, {word: word})


@settings(max_examples=100)
@given(st.text(max_size=20))
def test_row_16_any_text_is_kept_but_for_nul_and_surrogates(word):
    clean = "".join("�" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in word)
    row = read_one(name="n" + word, attributes=[text("k", word)])
    assert (row["name"], row["attrs"]) == ("n" + clean, {"k": clean})


def test_row_17_ids_of_every_kind_are_one_or_kept():
    for raw in (TRACE.upper(), "CvdlGRbNQ92ESOshHIAxnA=="):
        assert read_one(traceId=raw)["trace_id"] == TRACE
    for raw in ("f" * 64, "x y z"):
        assert read_one(traceId=raw)["notes"] == ["opaque_id"]
    assert read_one(traceId="0" * 32)["notes"] == ["invalid_id"]


def test_row_18_unknown_fields_are_ignored_and_counted():
    rows, tally = read(dump(request(span(shiny=1, bright={"a": []}))))
    assert (rows.height, tally.warnings["unknown_field"].count) == (1, 2)


def test_row_19_enums_by_name_and_number_are_the_same():
    one, other = (
        read_one(kind=3, status={"code": 2}),
        read_one(kind="SPAN_KIND_CLIENT", status={"code": "STATUS_CODE_ERROR"}),
    )
    assert one == other


def test_row_20_one_bad_line_in_many():
    lines = dump(*numbered(10_000)).splitlines(keepends=True)
    lines[5_000] = b'{"resourceSpans": [{]}\n'
    rows, tally = read(b"".join(lines))
    assert rows.height == 9_999
    assert [reject.at.split(",")[0] for reject in tally.rejects] == ["line 5001"]


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("start", [b'{"a":"', b"[[", b"", b'{"resourceSpans":[{"x":"'])
def test_row_21_a_line_without_end_is_bounded(start):
    def forever():
        yield start
        for _ in range(96):
            yield b"x" * MIB

    limits = Limits(record_bytes=8 * MIB, document_bytes=8 * MIB)
    before = peak_bytes()
    with pytest.raises(InputError):
        list(read_spans(source_of(forever), {}, limits))
    assert peak_bytes() - before < 200 * MIB


def source_of(chunks):
    from tracelens.read import Source

    class Stream:
        def __init__(self):
            self.chunks = chunks()

        def read(self, size):
            return next(self.chunks, b"")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    return Source("dump", Stream)


def test_row_22_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "gone", tmp_path / "/dev/zero"):
        with pytest.raises(InputError):
            file_source(path)


def test_row_23_and_24_bombs_are_stopped():
    for bomb in (gzip.compress(bytes(150 * MIB)), zstandard.compress(bytes(300 * MIB))):
        with pytest.raises(LimitError, match="compression_ratio"):
            read(bomb)


def test_row_24_a_huge_window_is_refused():
    options = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=False)
    packer = zstandard.ZstdCompressor(compression_params=options).compressobj()
    data = packer.compress(LINE * 10) + packer.flush()
    with pytest.raises(InputError, match="zstd stream is damaged"):
        read(data)


def test_row_25_compression_is_undone_once():
    with pytest.raises(InputError, match="inside of another compressed file"):
        read(gzip.compress(gzip.compress(LINE)))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_row_26_all_members_are_read(pack):
    assert read(pack(LINE) * 5)[0].height == 5
    if pack is gzip.compress:
        assert read(pack(LINE) * 2 + bytes(1_000))[0].height == 2


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstandard.compress])
def test_row_27_damage_of_every_byte_is_one_reject_or_refusal(pack):
    whole = pack(dump(*numbered(4)))
    picker = random.Random(1)
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= picker.randrange(1, 256)
        try:
            read(bytes(damaged))
        except InputError as error:
            assert "\n" not in str(error)


def test_row_27_trailing_garbage_is_said():
    rows, tally = read(gzip.compress(LINE) + b"garbage")
    assert rows.height == 1
    assert "compression_garbage" in tally.warnings


def test_row_29_zlib_is_found_by_its_bytes():
    rows, tally = read(zlib.compress(LINE))
    assert (rows.height, tally.format) == (1, "otlp_json_lines_in_zlib")


@pytest.mark.parametrize("digits", [10, 13, 16, 23])
def test_row_34_times_of_another_unit_are_flagged(digits):
    raw = "17" + "0" * (digits - 2)
    row = read_one(startTimeUnixNano=raw, endTimeUnixNano=raw)
    notes = ["suspicious_time"] if digits < 20 else ["time_out_of_range"]
    assert row["notes"] == notes


def test_row_35_a_span_of_many_attributes_or_events():
    many = [text(f"k{n}", "v") for n in range(10_000)]
    assert len(read_one(attributes=many)["attrs"]) == 10_000
    rows, tally = read(dump(request(span(attributes=[*many, text("one", "more")]), span())))
    assert (rows.height, tally.spans_rejected) == (1, 1)
    assert "limits.attributes_per_span (10000)" in tally.rejects[0].reason
    assert len(read_one(events=[{"name": "e"}] * 20_000)["events"]) == 20_000


@pytest.mark.parametrize(
    "key", ["__proto__", "constructor", "", "k" * 65_536, "'; drop table x; --", "../..", "a.b"]
)
def test_row_36_keys_are_data(key):
    row = read_one(attributes=[text(key, "v"), text("a", "w")])
    assert (row["attrs"] | (row["attrs_big"] or {})) == {key: "v", "a": "w"}


def test_row_37_values_of_another_type_stay_in_attrs():
    found = [attribute("cost", "bytesValue", "AQI="), attribute("n", "arrayValue", {"values": []})]
    row = read_one(attributes=found, promote={"cost": "float", "n": "int"})
    assert (row["attributes.cost"], row["attributes.n"]) == (None, None)
    assert row["attrs"] == {"cost": {"$bytes": "AQI="}, "n": []}


def test_a_lying_length_is_no_memory():
    lies = (2**32 - 1).to_bytes(4, "big")
    for data in (lies + proto(ONE), framed(proto(ONE)) + lies + b"\n\x05"):
        before = peak_bytes()
        try:
            _, tally = read(data)
            assert tally.rejects
        except InputError:
            pass
        assert peak_bytes() - before < 50 * MIB
    assert read(framed(proto(ONE)))[0]["span_id"].to_list() == [SPAN]


def test_a_document_that_must_be_parsed_whole_is_bounded(monkeypatch):
    monkeypatch.setattr("tracelens.read.documents.SPLIT_BYTES", 2_000)
    rows, tally = read(LINE + dump({"x": {"a": [{"a": 1}] * 200_000}}) + LINE, None, SMALL)
    assert rows.height == 2
    assert "limits.document_bytes (9000)" in tally.rejects[0].reason
    with pytest.raises(InputError, match=r"no span could be read.*document_bytes.*Raise the limit"):
        read(dump({"x": {"a": [{"a": 1}] * 200_000}}), None, SMALL)


SMALL = Limits(document_bytes=9_000)


def test_rows_that_were_read_before_a_limit_stay_readable():
    data = dump(*numbered(200))
    reader = read_spans(source(data), {}, Limits(decompressed_bytes=len(data) - 1), batch_rows=10)
    with pytest.raises(LimitError):
        list(reader)
