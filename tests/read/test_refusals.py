"""What is no trace is refused, in one sentence that names it and the next thing to try."""

import gzip
import json
import sqlite3

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData

from tests.read.dumps import dump, framed, proto, read, request, source, span
from tracelens.errors import InputError
from tracelens.read import file_source, read_spans


def refusal(data):
    with pytest.raises(InputError) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("dump: ")
    assert "\n" not in message
    return message


def sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("create table t (a)")
    db.close()
    return (tmp_path / "x.db").read_bytes()


def binary_logs():
    logs = LogsData()
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "hello"
    record.time_unix_nano = 5
    return logs.SerializeToString()


def binary_metrics():
    metrics = MetricsData()
    scope = metrics.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="requests", description="d").gauge.data_points.add(as_int=3)
    scope.metrics.add(name="calls").sum.data_points.add(as_double=3)
    return metrics.SerializeToString()


LOGS = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}
METRICS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{}]}]}]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n", "white space"),
        (b"time,trace,name\n1,2,3\n4,5,6\n", "a CSV table, not a trace dump"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"PK\x03\x04\x14\0\0\0", "a zip archive"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"<!DOCTYPE html><html><body>{</body></html>", "an HTML page"),
        (b"2024-01-01 INFO started\n2024-01-01 INFO stopped\n", "plain text or a log"),
        (bytes(range(256)) * 4, "binary data"),
        (dump(LOGS), "OTLP logs without any spans"),
        (dump(METRICS, LOGS), "OTLP logs and metrics without any spans"),
        (dump({"messages": [{"role": "user", "content": "hi"}]}), "a chat log in JSON"),
        (dump([{"role": "user", "content": "hi"}]), "a chat log in JSON"),
        (
            dump({"a": 1, "b": 2}),
            "another known form of spans (its keys: a, b)",
        ),
        (dump(17) + b"[1]", "not"),
        (dump({"traces": [{"traceID": "1"}]}), "a Tempo search result"),
        (b'{"resourceSpans": nonsense', "no span could be read"),
    ],
)
def test_what_is_no_trace_is_named(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize("frame", [lambda data: data, framed])
def test_binary_logs_and_metrics_are_named(frame):
    assert "OTLP logs" in refusal(frame(binary_logs()))
    assert "OTLP metrics" in refusal(frame(binary_metrics()))


def test_an_sqlite_database_is_named(tmp_path):
    assert "an SQLite database" in refusal(sqlite(tmp_path))


def test_binary_logs_among_traces_are_counted():
    rows, tally = read(framed(binary_logs(), proto(request(span())), binary_metrics()))
    assert rows.height == 1
    assert tally.other_signals == {"logs": 1, "metrics": 2}
    assert not tally.rejects


def test_a_directory_is_named(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        file_source(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        file_source(tmp_path / "gone.jsonl")


def test_the_name_of_a_file_proves_nothing(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(dump(request(span())))
    reader = read_spans(file_source(path), {})
    assert sum(frame.height for frame in reader) == 1
    assert reader.tally.path == str(path)
    assert file_source(path).bytes == path.stat().st_size


def test_a_csv_table_gets_the_whole_sentence():
    assert refusal(b"a,b\n1,2\n3,4\n") == (
        "dump: this looks like a CSV table, not a trace dump. Export the spans as OTLP (JSON lines "
        "or protobuf), for example with the collector's file exporter."
    )


@pytest.mark.parametrize("document", [{"resourceSpans": []}, {"resourceSpans": [{}]}])
def test_a_dump_of_no_spans_is_no_error(document):
    rows, tally = read(dump(document, {}))
    assert (rows.height, tally.spans_read, tally.rejects) == (0, 0, [])


def test_other_json_among_traces_is_rejected_and_named():
    rows, tally = read(dump(request(span()), {"messages": []}))
    assert rows.height == 1
    assert tally.rejects[0].reason == "this looks like a chat log in JSON, not a trace"


def test_gzip_inside_of_gzip_is_refused():
    data = gzip.compress(gzip.compress(json.dumps(request(span())).encode()))
    assert "inside of another compressed file" in refusal(data)


def test_a_file_that_vanishes_is_an_input_error(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(dump(request(span())))
    found = file_source(path)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot be opened"):
        list(read_spans(found, {}))


def test_source_is_opened_anew_for_each_reader():
    shared = source(dump(request(span())))
    assert [len(list(read_spans(shared, {}))) for _ in range(2)] == [1, 1]
