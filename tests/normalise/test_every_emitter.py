"""Asks of every mapping that is found: is there a sample of it, and does each text come out?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl
import pytest

from tests.conftest import default_policy
from tests.normalise.test_recorded import FOLDERS as RECORDED
from tests.normalise.test_recorded import raw_recorded
from tests.test_samples import FOLDERS, expected, raw_samples
from tracelens.model import CANONICAL_SPAN
from tracelens.normalise import (
    Emitter,
    Tier,
    canonical_spans,
    find_emitters,
    mapping,
    promoted_keys,
)

DIRECTIONS = (
    "transcription.text_out",
    "reasoning.text_in",
    "reasoning.text_out",
    "synthesis.text_in",
)

#: What no sample can show yet, and why. `test_emitters.py` reads these from spans made by hand.
UNSAMPLED = {
    "otel_genai transcription.text_out": "no library emits the proposed speech conventions",
    "otel_genai synthesis.text_in": "no library emits the proposed speech conventions",
}


def complaints(emitter: Emitter, folders: Iterable[str], spans: pl.DataFrame) -> Iterator[str]:
    """What is missing for a mapping: `folders` are samples that name it, `spans` all samples."""
    own = spans.filter(pl.col("emitter") == emitter.name)
    if emitter.tier != Tier.FALLBACK:
        if not list(folders):
            yield f"emitter {emitter.name!r} has no folder of spans that names it"
        own = own.filter(pl.col("folder").is_in(list(folders)))
    if own.is_empty():
        yield f"no sample has a span of emitter {emitter.name!r}"
    stages = {rule.stage for rule in emitter.spans}
    for direction in DIRECTIONS:
        stage, column = direction.split(".")
        shown = own.filter(pl.col("stage") == stage).get_column(column).drop_nulls()
        known = direction in emitter.unrecorded or f"{emitter.name} {direction}" in UNSAMPLED
        if stage in stages and shown.is_empty() and not known:
            yield f"emitter {emitter.name!r} maps {stage} but no sample shows {direction}"
        if known and not shown.is_empty():
            yield f"emitter {emitter.name!r} does show {direction}: strike it off the exceptions"


def folders_of(emitter: Emitter) -> list[str]:
    return [
        each.name for each in (*FOLDERS, *RECORDED) if expected(each)["emitter"] == emitter.name
    ]


def canonical_samples(folders: list[str] | None = None) -> pl.DataFrame:
    raw = pl.concat([raw_samples(), raw_recorded()])
    if folders is not None:
        raw = raw.filter(pl.col("folder").is_in(folders))
    return canonical_spans(raw, default_policy())


@pytest.fixture(scope="module")
def samples() -> pl.DataFrame:
    return canonical_samples()


@pytest.mark.parametrize("emitter", find_emitters(), ids=lambda emitter: emitter.name)
def test_nothing_is_missing(emitter, samples):
    assert list(complaints(emitter, folders_of(emitter), samples)) == []


def test_a_mapping_without_a_sample_is_noticed(samples):
    pipecat = emitter_named("pipecat")
    assert list(complaints(replace(pipecat, name="vapi"), [], samples))[:2] == [
        "emitter 'vapi' has no folder of spans that names it",
        "no sample has a span of emitter 'vapi'",
    ]


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        (emitter.name, direction)
        for emitter in find_emitters()
        for direction in DIRECTIONS
        if direction.split(".")[0] in {rule.stage for rule in emitter.spans}
        and direction not in emitter.unrecorded
        and f"{emitter.name} {direction}" not in UNSAMPLED
    ],
)
def test_a_text_that_is_no_longer_read_is_noticed(name, direction, monkeypatch):
    poorer = without(emitter_named(name), direction)
    kept = tuple(poorer if each.name == name else each for each in find_emitters())
    monkeypatch.setattr(mapping, "find_emitters", lambda: kept)
    monkeypatch.setattr(mapping, "_by_name", lambda: {each.name: each for each in kept})
    stage = direction.split(".")[0]
    folders = folders_of(poorer)
    assert list(complaints(poorer, folders, canonical_samples(folders))) == [
        f"emitter {name!r} maps {stage} but no sample shows {direction}"
    ]


def emitter_named(name: str) -> Emitter:
    return next(each for each in find_emitters() if each.name == name)


def without(emitter: Emitter, direction: str) -> Emitter:
    """The mapping with whatever fills one direction of one stage taken out."""
    stage, column = direction.split(".")
    other = [each for each in ("transcription", "reasoning", "synthesis") if each != stage]
    fields = tuple(
        narrowed
        for each in emitter.fields
        for narrowed in ([each] if each.column != column else narrow(each, other))
    )
    decodes = tuple(
        narrowed
        for each in emitter.decodes
        for narrowed in (
            [each] if column not in each.columns else narrow_decode(each, column, other)
        )
    )
    return replace(emitter, fields=fields, decodes=decodes)


def narrow(row, stages):
    return [
        replace(row, when=replace(row.when, stage=stage))
        for stage in stages
        if row.when.stage in (None, stage)
    ]


def narrow_decode(row, column, stages):
    rest = tuple(each for each in row.columns if each != column)
    return [*narrow(row, stages), *([replace(row, columns=rest)] if rest else [])]


def test_names_tiers_and_keys_are_sound():
    found = find_emitters()
    assert [each.name for each in found] == [
        each.name for each in sorted(found, key=lambda each: (each.tier, each.name))
    ]
    assert len({each.name for each in found}) == len(found)
    assert all(key.type == promoted_keys()[key.name] for each in found for key in each.all_keys())


@pytest.mark.parametrize("emitter", find_emitters(), ids=lambda emitter: emitter.name)
def test_rows_name_columns_and_directions_that_exist(emitter):
    columns = {field.column for field in emitter.fields} | {
        column for decode in emitter.decodes for column in decode.columns
    }
    assert columns <= set(CANONICAL_SPAN)
    assert set(emitter.unrecorded) <= set(DIRECTIONS)
    assert emitter.title
    assert emitter.scopes or emitter.claims
    assert all(sentence.endswith(".") for sentence in emitter.blind_to)
