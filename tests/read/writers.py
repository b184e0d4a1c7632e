"""One trace written in every form that is read, and which of its fields each form carries."""

import json
from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import strategies as st

from tests.read.dumps import dump, framed, proto, request

KINDS = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
CODES = ["UNSET", "OK", "ERROR"]
BASE = 1_700_000_000_000_000_000

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
# Names as real attributes have them: dialects give a meaning to some others.
keys = st.text(st.sampled_from("abc_"), min_size=1, max_size=4).map("x.".__add__)
scalars = st.one_of(words, st.integers(-(2**53), 2**53), st.booleans(), st.just(1.5))
spans = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2**64 - 1).map("{:016x}".format),
        "parent": st.one_of(st.none(), st.integers(1, 2**64 - 1).map("{:016x}".format)),
        "trace": st.integers(1, 2**128 - 1).map("{:032x}".format),
        "name": words,
        "kind": st.sampled_from(range(1, 6)),
        # Milliseconds: what the coarsest form can hold.
        "start": st.integers(0, 10**9).map(lambda ms: BASE + ms * 10**6),
        "length": st.integers(0, 10**6).map(lambda ms: ms * 10**6),
        "status": st.sampled_from(range(3)),
        "attributes": st.dictionaries(keys, scalars, max_size=4),
        "event": st.one_of(st.none(), words.map(lambda word: "e" + word.replace('"', ""))),
        "service": st.sampled_from(["bot", "größe"]),
    }
)
EXAMPLE = {
    "id": "00000000000000ee",
    "parent": None,
    "trace": "000000000000000000000000000000ee",
    "name": "x",
    "kind": 1,
    "start": BASE,
    "length": 10**6,
    "status": 0,
    "attributes": {"x.a": 1},
    "event": None,
    "service": "bot",
}

FIELDS = "id parent trace name kind start end status attributes event service".split()


def expected(span):
    """The fields of a span as they are compared."""
    return {name: span[name] for name in FIELDS if name in span} | {
        "end": span["start"] + span["length"]
    }


def back(rows):
    """Rows as they are compared."""
    for row in rows.iter_rows(named=True):
        events = json.loads(row["events"])
        attributes = json.loads(row["attrs"]) | json.loads(row["attrs_big"] or "{}")
        yield {
            "id": row["span_id"],
            "parent": row["parent_span_id"],
            "trace": row["trace_id"],
            "name": row["name"],
            "kind": row["kind"],
            "start": row["start_unix_nano"],
            "end": row["end_unix_nano"],
            "status": row["status_code"],
            "attributes": {key: attributes[key] for key in attributes if key.startswith("x.")},
            "event": events[0]["name"] if events else None,
            "service": row["service"],
        }


class Form(NamedTuple):
    """How to write spans, and the fields that do not survive it."""

    write: object
    lost: tuple = ()
    text_only: bool = False

    def keep(self, span):
        kept = {name: value for name, value in span.items() if name not in self.lost}
        if self.text_only:
            kept["attributes"] = {key: as_text(value) for key, value in kept["attributes"].items()}
        return kept


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def iso(nanos):
    return datetime.fromtimestamp(nanos // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{nanos % 10**9 // 1000:06}Z"
    )


def typed(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue" if isinstance(value, float) else "stringValue": value}


def otlp_span(span):
    made = {
        "traceId": span["trace"],
        "spanId": span["id"],
        "name": span["name"],
        "kind": span["kind"],
        "startTimeUnixNano": str(span["start"]),
        "endTimeUnixNano": str(span["start"] + span["length"]),
        "status": {"code": span["status"]},
        "attributes": [{"key": k, "value": typed(v)} for k, v in span["attributes"].items()],
    }
    if span["parent"]:
        made["parentSpanId"] = span["parent"]
    if span["event"]:
        made["events"] = [{"name": span["event"], "timeUnixNano": str(span["start"])}]
    return made


def otlp(found):
    """OTLP/JSON, a resource for each span."""
    document = {"resourceSpans": []}
    for span in found:
        service = [{"key": "service.name", "value": {"stringValue": span["service"]}}]
        one = request(otlp_span(span), resource={"attributes": service})
        document["resourceSpans"] += one["resourceSpans"]
    return document


def bare(found):
    """One span a line."""
    return dump(
        *[
            otlp_span(span)
            | {
                "resource": {
                    "attributes": otlp([span])["resourceSpans"][0]["resource"]["attributes"]
                }
            }
            for span in found
        ]
    )


def jaeger(found):
    kinds = {bool: "bool", int: "int64", float: "float64", str: "string"}
    made = []
    for span in found:
        tags = [
            {"key": key, "type": kinds[type(value)], "value": value}
            for key, value in span["attributes"].items()
        ]
        tags.append(
            {"key": "span.kind", "type": "string", "value": KINDS[span["kind"] - 1].lower()}
        )
        if span["status"]:
            code = {"key": "otel.status_code", "type": "string", "value": CODES[span["status"]]}
            tags.append(code)
        parent = [{"refType": "CHILD_OF", "traceID": span["trace"], "spanID": span["parent"]}]
        log = {
            "timestamp": span["start"] // 1000,
            "fields": [{"key": "event", "type": "string", "value": span["event"]}],
        }
        one = {
            "traceID": span["trace"],
            "spanID": span["id"],
            "operationName": span["name"],
            "startTime": span["start"] // 1000,
            "duration": span["length"] // 1000,
            "tags": tags,
            "references": parent if span["parent"] else [],
            "logs": [log] if span["event"] else [],
            "processID": "p",
        }
        processes = {"p": {"serviceName": span["service"], "tags": []}}
        made.append({"traceID": span["trace"], "spans": [one], "processes": processes})
    return dump({"data": made})


def zipkin(found):
    made = []
    for span in found:
        tags = {key: as_text(value) for key, value in span["attributes"].items()}
        if span["status"]:
            tags["otel.status_code"] = CODES[span["status"]]
        note = {"timestamp": span["start"] // 1000, "value": f'"{span["event"]}": {{"k":1}}'}
        made.append(
            {
                "traceId": span["trace"],
                "id": span["id"],
                "parentId": span["parent"],
                "name": span["name"],
                "kind": KINDS[span["kind"] - 1],
                "timestamp": span["start"] // 1000,
                "duration": span["length"] // 1000,
                "localEndpoint": {"serviceName": span["service"]},
                "tags": tags,
                "annotations": [note] if span["event"] else [],
            }
        )
    return dump(made)


def phoenix(found):
    return dump(
        *[
            {
                "name": span["name"],
                "context": {"trace_id": span["trace"], "span_id": span["id"]},
                "span_kind": "LLM",
                "parent_id": span["parent"],
                "start_time": iso(span["start"]),
                "end_time": iso(span["start"] + span["length"]),
                "status_code": CODES[span["status"]],
                "status_message": "",
                "attributes": span["attributes"],
                "events": [{"name": span["event"], "timestamp": iso(span["start"])}]
                if span["event"]
                else [],
            }
            for span in found
        ]
    )


def langfuse(found):
    return dump(
        *[
            {
                "id": span["id"],
                "traceId": span["trace"],
                "type": "SPAN",
                "name": span["name"],
                "parentObservationId": span["parent"],
                "startTime": iso(span["start"]),
                "endTime": iso(span["start"] + span["length"]),
                "level": "ERROR" if span["status"] == 2 else "DEFAULT",
                "metadata": {
                    "attributes": span["attributes"],
                    "resourceAttributes": {"service.name": span["service"]},
                    "scope": {"name": "lib"},
                },
            }
            for span in found
        ]
    )


def otel_python(found):
    return b"\n".join(
        json.dumps(
            {
                "name": span["name"],
                "context": {
                    "trace_id": "0x" + span["trace"],
                    "span_id": "0x" + span["id"],
                    "trace_state": "[]",
                },
                "kind": "SpanKind." + KINDS[span["kind"] - 1],
                "parent_id": span["parent"] and "0x" + span["parent"],
                "start_time": iso(span["start"]),
                "end_time": iso(span["start"] + span["length"]),
                "status": {"status_code": CODES[span["status"]]},
                "attributes": span["attributes"],
                "events": [{"name": span["event"], "timestamp": iso(span["start"])}]
                if span["event"]
                else [],
                "links": [],
                "resource": {"attributes": {"service.name": span["service"]}},
            },
            indent=4,
        ).encode()
        for span in found
    )


def otel_js(found):
    def pair(nanos):
        return [nanos // 10**9, nanos % 10**9]

    return dump(
        *[
            {
                "name": span["name"],
                "kind": span["kind"] - 1,
                "spanContext": {"traceId": span["trace"], "spanId": span["id"]},
                "parentSpanContext": {"spanId": span["parent"]} if span["parent"] else None,
                "startTime": pair(span["start"]),
                "endTime": pair(span["start"] + span["length"]),
                "status": {"code": span["status"]},
                "attributes": span["attributes"],
                "events": [{"name": span["event"], "time": pair(span["start"])}]
                if span["event"]
                else [],
                "resource": {"attributes": {"service.name": span["service"]}},
            }
            for span in found
        ]
    )


def flat_dict(found):
    return dump(
        [
            {
                "trace_id": span["trace"],
                "span_id": span["id"],
                "parent_span_id": span["parent"],
                "name": span["name"],
                "kind": KINDS[span["kind"] - 1],
                "start_time": span["start"],
                "end_time": span["start"] + span["length"],
                "status": {"code": CODES[span["status"]]},
                "attributes": span["attributes"],
                "span_events": [{"name": span["event"], "time": span["start"]}]
                if span["event"]
                else [],
                "resource": {"service.name": span["service"]},
            }
            for span in found
        ]
    )


def delimited(*messages):
    """Messages behind a varint of their length."""
    from tracelens.read.messages import varint

    return b"".join(varint(len(one)) + one for one in messages)


FORMS = {
    "otlp_json": Form(lambda found: dump(otlp(found))),
    "otlp_proto": Form(lambda found: proto(otlp(found))),
    "otlp_u32be": Form(lambda found: framed(*[proto(otlp([span])) for span in found])),
    "otlp_delimited": Form(lambda found: delimited(*[proto(otlp([span])) for span in found])),
    "bare": Form(bare),
    "jaeger": Form(jaeger),
    "zipkin": Form(zipkin, text_only=True),
    "phoenix": Form(phoenix, ("kind", "service")),
    "langfuse": Form(langfuse, ("kind", "event", "status")),
    "otel_python": Form(otel_python),
    "otel_js": Form(otel_js),
    "flat_dict": Form(flat_dict),
}
