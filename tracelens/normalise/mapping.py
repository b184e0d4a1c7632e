"""Applies the mappings that are found in `emitters/` to a batch of spans, column by column."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from tracelens.errors import PolicyError
from tracelens.model import ATTRIBUTE_DTYPE, CANONICAL_SPAN, AttributeType
from tracelens.normalise import emitters, genai
from tracelens.normalise.assessments import assessed, keys_of
from tracelens.normalise.emitter import Decode, Emitter, Field, Key, SpanRule
from tracelens.normalise.fallback import FALLBACK_KEYS, ids_of_anyone, is_open, stage_by_policy
from tracelens.normalise.usage import MOST, sound_usage
from tracelens.policy import Policy

#: How SDKs without an exception event name the exception: OpenTelemetry's for Python writes its
#: type before the message, others write the type alone when there is no message.
NAMED_IN_MESSAGE = r"^([A-Za-z_][\w.]*(?:Error|Exception))(?:: |:?$)"


@cache
def find_emitters() -> tuple[Emitter, ...]:
    """Every mapping of the folder, best founded claims first.

    Raises:
        PolicyError: two mappings of one tier claim the same scope or attribute, or have one name.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(emitters.__path__))
    found = [importlib.import_module(f"{emitters.__name__}.{name}").EMITTER for name in names]
    _refuse_conflicts(found)
    return tuple(sorted(found, key=lambda emitter: (emitter.tier, emitter.name)))


def _refuse_conflicts(found: Iterable[Emitter]) -> None:
    claims = Counter(
        (emitter.tier.name.lower(), claim)
        for emitter in found
        for claim in (*emitter.scopes, *(key.name for key in emitter.claims))
    )
    for (tier, claim), count in claims.items():
        if count > 1:
            raise PolicyError(f"two {tier} emitter mappings claim {claim!r}: one must let go of it")


def promoted_keys(policy: Policy | None = None) -> Mapping[str, AttributeType]:
    """Attribute key → type, for every key that some mapping or the policy reads.

    The readers give these a column of their own.
    """
    own = _mapped_keys()
    return {**own, **{key.name: key.type for key in keys_of(policy) if key.name not in own}}


@cache
def _mapped_keys() -> Mapping[str, AttributeType]:
    keys = {key for emitter in find_emitters() for key in emitter.all_keys()} | set(FALLBACK_KEYS)
    keys |= {key for row in genai.USAGE for key in {*row.keys, *row.when.keys()}}
    types: dict[str, AttributeType] = {}
    for key in sorted(keys, key=lambda key: key.name):
        if types.setdefault(key.name, key.type) != key.type:
            raise PolicyError(f"attribute {key.name!r} is read as {key.type} and {types[key.name]}")
    return types


@cache
def mapping_version() -> str:
    """A hash over the mappings in force; stored spans carry it."""
    text = "\n".join(repr(emitter) for emitter in find_emitters())
    return hashlib.sha256(_without_addresses(text).encode()).hexdigest()[:16]


def _without_addresses(text: str) -> str:
    return "".join(part.split(">")[-1] for part in text.split(" at 0x"))


def canonical_spans(raw: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Add the `CANONICAL_SPAN` columns to a raw frame; rows and their order stay.

    Args:
        raw: `RAW_SPAN` columns and one column per promoted key; a missing promoted column is
            taken as null throughout.
        policy: its stage rules place the spans that no mapping gives a stage or a role.
    """
    frame = _with_promoted(raw, policy)
    frame = frame.with_columns(assessed(frame, policy), emitter=_claimed()).with_row_index("_row")
    parts = [
        _apply(part, _by_name().get(str(name[0])), policy)
        for name, part in frame.partition_by("emitter", as_dict=True).items()
    ]
    columns = [*raw.columns, *CANONICAL_SPAN]
    empty = raw.clear().with_columns(
        **{name: pl.lit(None, dtype) for name, dtype in CANONICAL_SPAN.items()}
    )
    if not parts:
        return empty.select(columns)
    return pl.concat(parts).sort("_row").select(columns)


def _with_promoted(raw: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    missing = {
        Key(name, kind).column: pl.lit(None, _dtype(kind))
        for name, kind in promoted_keys(policy).items()
        if Key(name, kind).column not in raw.columns
    }
    return raw.with_columns(**missing)


def _dtype(kind: AttributeType) -> pl.DataType:
    return ATTRIBUTE_DTYPE[kind]


def _claimed() -> pl.Expr:
    return pl.coalesce(
        *(pl.when(e.claim()).then(pl.lit(e.name)) for e in find_emitters()),
        pl.lit(None, pl.String),
    )


@cache
def _by_name() -> Mapping[str, Emitter]:
    return {emitter.name: emitter for emitter in find_emitters()}


def _apply(part: pl.DataFrame, emitter: Emitter | None, policy: Policy) -> pl.DataFrame:
    """One emitter's spans, with every canonical column filled as far as its rows reach."""
    frame = part.with_columns(
        operation=_operation(emitter), turn_based=pl.lit(bool(emitter and emitter.turn_based()))
    )
    frame = _placed(frame, emitter, policy)
    frame = frame.with_columns(
        **{
            name: pl.lit(None, dtype)
            for name, dtype in CANONICAL_SPAN.items()
            if name not in frame.columns
        }
    )
    if emitter:
        for decode in emitter.decodes:
            frame = _decoded(frame, decode)
        frame = frame.with_columns(**_filled(frame, emitter.fields))
        if emitter.first_token is not None:
            first = _first_token(emitter.first_token)
            frame = frame.with_columns(ttft_ms=pl.coalesce("ttft_ms", first))
        frame = frame.with_columns(**_signed(emitter))
    else:
        frame = frame.with_columns(**_filled(frame, genai.USAGE))
    frame = sound_usage(frame.with_columns(**ids_of_anyone()), policy.handover.record_limits)
    return frame.with_columns(_common()).select("_row", *part.columns[1:], *_new(part))


def _first_token(event: str) -> pl.Expr:
    """Milliseconds from the start of a model call to an event of that name."""
    told = (pl.col("stage") == "reasoning") & pl.col("events").str.contains(event, literal=True)
    at = pl.when(told).then("events").str.json_path_match(f"$[?(@.name=='{event}')].time_unix_nano")
    return (at.cast(pl.Int64, strict=False) - pl.col("start_unix_nano")) / 1e6


def _placed(frame: pl.DataFrame, emitter: Emitter | None, policy: Policy) -> pl.DataFrame:
    """Stage, role and what decided: the mapping's rows, the policy's, the mapping's defaults."""
    by_mapping = pl.when(pl.col("stage").is_not_null()).then(pl.lit("mapping"))
    rules = emitter.spans if emitter else ()
    frame = frame.with_columns(**_span_kinds(rule for rule in rules if not rule.default))
    frame = frame.with_columns(stage_by=by_mapping)
    models = (key for row in (emitter.fields if emitter else ()) for key in _model_keys(row))
    frame = stage_by_policy(frame, policy, models)
    defaults = [rule for rule in rules if rule.default]
    if not defaults:
        return frame
    kept = frame.select("stage", "role", "speech_to_speech", "stage_by", open=is_open())
    frame = frame.with_columns(**_span_kinds(defaults)).with_columns(stage_by=by_mapping)
    names = ("stage", "role", "speech_to_speech", "stage_by")
    return frame.with_columns(
        **{name: pl.when(kept["open"]).then(pl.col(name)).otherwise(kept[name]) for name in names}
    )


def _model_keys(row: Field) -> tuple[Key, ...]:
    return row.keys if row.column == "model" else ()


def _new(part: pl.DataFrame) -> list[str]:
    return [name for name in CANONICAL_SPAN if name not in part.columns]


def _operation(emitter: Emitter | None) -> pl.Expr:
    keys = emitter.operation if emitter else ()
    return pl.coalesce(*(pl.col(key.column) for key in keys), pl.lit(None, pl.String))


def _span_kinds(rules: Iterable[SpanRule]) -> dict[str, pl.Expr]:
    null = pl.lit(None, pl.String)
    stage, role = null, null
    speech = pl.lit(False)
    for rule in reversed(tuple(rules)):
        hit = rule.when.expr()
        stage = pl.when(hit).then(pl.lit(rule.stage, pl.String)).otherwise(stage)
        role = pl.when(hit).then(pl.lit(rule.role, pl.String)).otherwise(role)
        speech = pl.when(hit).then(pl.lit(rule.speech_to_speech)).otherwise(speech)
    return {"stage": stage, "role": role, "speech_to_speech": speech}


def _filled(frame: pl.DataFrame, fields: Iterable[Field]) -> dict[str, pl.Expr]:
    """Columns by their fields: the first row that applies and has a value wins."""
    by_column: dict[str, list[Field]] = {}
    for row in fields:
        by_column.setdefault(row.column, []).append(row)
    filled: dict[str, pl.Expr] = {}
    for column, rows in by_column.items():
        dtype = CANONICAL_SPAN[column]
        values = [_value(row, dtype) for row in rows]
        absents = [_when_absent(row) for row in rows if row.absent is not None]
        filled[column] = pl.coalesce(*values, pl.col(column), *absents).cast(dtype)
        source = f"{column}_attribute"
        if source in CANONICAL_SPAN:
            names = [_source(row) for row in rows]
            filled[source] = pl.coalesce(*names, pl.col(source), pl.lit(None, pl.String))
    return filled


def _value(row: Field, dtype: pl.DataType) -> pl.Expr:
    keys = [pl.col(key.column) for key in row.keys]
    value = _sum(keys) if row.add else pl.coalesce(*keys)
    if row.scale is not None:
        value = value * row.scale
    return pl.when(row.when.expr()).then(value.cast(dtype, strict=False))


def _sum(keys: list[pl.Expr]) -> pl.Expr:
    """The sum of what is recorded, null for nothing; impossible counts are left out of it."""
    counts = [pl.when(key.is_between(0, MOST)).then(key) for key in keys]
    return pl.when(pl.any_horizontal(c.is_not_null() for c in counts)).then(
        pl.sum_horizontal(counts)
    )


def _when_absent(row: Field) -> pl.Expr:
    return pl.when(row.when.expr()).then(pl.lit(row.absent))


def _source(row: Field) -> pl.Expr:
    keys: list[pl.Expr] = [
        pl.when(pl.col(key.column).is_not_null()).then(pl.lit(key.name)) for key in row.keys
    ]
    if row.absent is not None:
        keys.append(pl.lit(row.keys[0].name))
    return pl.when(row.when.expr()).then(pl.coalesce(*keys))


def _decoded(frame: pl.DataFrame, decode: Decode) -> pl.DataFrame:
    """Decode each distinct text once and join what it says back to its rows."""
    frame = frame.with_columns(**_texts(decode))
    texts = frame.get_column("_text").drop_nulls().unique()
    if texts.is_empty():
        return frame.drop("_text", "_source")
    schema = {name: CANONICAL_SPAN[name] for name in decode.columns}
    rows = [{name: found.get(name) for name in schema} for found in map(decode.read, texts)]
    said = (
        pl.DataFrame(rows, schema=schema).rename(lambda name: f"_{name}").with_columns(_text=texts)
    )
    joined = frame.join(said, on="_text", how="left", maintain_order="left")
    kept = {name: pl.coalesce(pl.col(name), pl.col(f"_{name}")) for name in schema}
    sources = {
        f"{name}_attribute": pl.coalesce(
            pl.col(f"{name}_attribute"),
            pl.when(pl.col(name).is_null() & pl.col(f"_{name}").is_not_null()).then("_source"),
        )
        for name in ("text_in", "text_out")
        if name in schema
    }
    extra = [f"_{name}" for name in schema]
    return joined.with_columns(**kept, **sources).drop("_text", "_source", *extra)


def _texts(decode: Decode) -> dict[str, pl.Expr]:
    """The text that a decode row looks at, and where it comes from."""
    hit = decode.when.expr()
    if decode.source == "keys":
        full = {key: pl.col(key.column).str.len_bytes() > 0 for key in decode.keys}
        text = pl.coalesce(*(pl.when(has).then(pl.col(key.column)) for key, has in full.items()))
        name = pl.coalesce(*(pl.when(has).then(pl.lit(key.name)) for key, has in full.items()))
        return {"_text": pl.when(hit).then(text), "_source": pl.when(hit).then(name)}
    columns = ["events"] if decode.source == "events" else ["attrs", "attrs_big"]
    whole = pl.concat_str(columns, separator="\n", ignore_nulls=True)
    hit = (
        hit & whole.str.contains(decode.marker, literal=True) & pl.col(decode.columns[0]).is_null()
    )
    return {"_text": pl.when(hit).then(whole), "_source": pl.when(hit).then(pl.lit(decode.marker))}


def _signed(emitter: Emitter) -> dict[str, pl.Expr]:
    columns = {"sign": "outcome", "sign_cause": "cause", "sign_attribute": "attribute"}
    columns["sign_sentence"] = "sentence"
    signed: dict[str, pl.Expr] = {}
    for column, part in columns.items():
        expr: pl.Expr = pl.lit(None, pl.String)
        for sign in reversed(emitter.signs):
            value = pl.lit(getattr(sign, part), pl.String)
            expr = pl.when(sign.when.expr()).then(value).otherwise(expr)
        signed[column] = expr
    return signed


def _common() -> list[pl.Expr]:
    """What every emitter records alike: the error's type, and the HTTP status."""
    status = pl.coalesce(
        pl.col("attributes.http.response.status_code"), pl.col("attributes.http.status_code")
    )
    error = pl.coalesce("error_type", "attributes.error.type", "exception_type")
    failed = pl.col("status_code") == 2
    named = pl.when(failed).then(pl.coalesce("exception_type", error))
    told = pl.when(failed).then(pl.col("status_message").str.extract(NAMED_IN_MESSAGE, 1))
    return [
        pl.coalesce("http_status", status).alias("http_status"),
        pl.coalesce(named, error, told).alias("error_type"),
    ]


def text_attributes(emitter: str | None, stage: str, column: str) -> tuple[str, ...] | None:
    """The attributes in which an emitter records a text of a stage, the first choice first.

    `column` is `text_in` or `text_out`. Empty for an emitter without a mapping, None where the
    library never records that text.
    """
    mapping = _by_name().get(str(emitter))
    if mapping is None:
        return ()
    if f"{stage}.{column}" in mapping.unrecorded:
        return None
    rows: list[Field | Decode] = [
        *(row for row in mapping.fields if row.column == column),
        *(row for row in mapping.decodes if column in row.columns),
    ]
    return tuple(key.name for row in rows if row.when.stage == stage for key in row.keys)
