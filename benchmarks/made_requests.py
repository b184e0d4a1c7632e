"""A store of made-up requests with heavy tails, written as request rows without their spans.

usage: python -m benchmarks.made_requests FOLDER [--requests 1000000] [--commits 10] [--seed 1]

Thirty days of turns of four services: modalities, models, users, sessions and sizes, with a cost
that follows from the sizes by made-up prices, and a time for each stage. From day 20 on the service
`scanner` sends whole photographs, which is what its tail should be found to be about. Of one in
fifty requests the cost is unknown, of one in thirty it is known in part.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.model import CONTENTS, COST_ITEM, PATH_STAGES, REQUEST, SIZES, STAGES
from tracelens.store import LoadEntry, Store

START = 1_790_000_000_000_000_000
DAY = 86_400 * 10**9
DAYS = 30
#: What comes in, how often, and what each kind of content in it is called.
INPUTS = {
    "text": 0.40,
    "audio": 0.34,
    "audio+image": 0.10,
    "image": 0.10,
    "document+text": 0.04,
    "audio+video": 0.02,
}
SERVICES = {"desk": "openinference", "phone": "pipecat", "kiosk": "livekit", "scanner": "vercel_ai"}
MODELS_USED = ("gpt-4o", "gpt-4o-mini", "claude-haiku")
#: Made-up US dollars per unit: the unit, its stage, its content, and the price.
UNITS = {
    "audio_seconds": ("transcription", "audio_in", 0.0001),
    "input_tokens": ("reasoning", "text_in", 2.5e-6),
    "image_input_tokens": ("reasoning", "image_in", 2.5e-6),
    "output_tokens": ("reasoning", "text_out", 1e-5),
    "characters": ("synthesis", "audio_out", 1.5e-5),
}
DISCOUNT = {"gpt-4o": 1.0, "gpt-4o-mini": 0.06, "claude-haiku": 0.4}

Numbers = npt.NDArray[np.float64]


def make_requests(count: int, *, seed: int = 1, first: int = 0) -> pl.DataFrame:
    """So many rows of `REQUEST`; `first` numbers them, so that parts of a store have other ids."""
    rng = np.random.default_rng((seed, first))
    frame = _who(rng, count, first)
    frame = _sizes(rng, frame)
    frame = _costs(rng, frame)
    frame = _times(rng, frame)
    return _shaped(frame)


def _who(rng: np.random.Generator, count: int, first: int) -> pl.DataFrame:
    """When, by whom, and with what."""
    # More by day than by night, by throwing half of the night's requests into the day.
    hour = rng.uniform(0, 24, count)
    hour = np.where((hour < 7) & (rng.random(count) < 0.7), rng.uniform(8, 20, count), hour)
    start = START // DAY * DAY + rng.integers(0, DAYS, count) * DAY + (hour * 3.6e12).astype("i8")
    users = rng.zipf(1.4, count) % 20_000
    services = rng.choice(list(SERVICES), count, p=[0.45, 0.35, 0.15, 0.05])
    inputs = rng.choice(list(INPUTS), count, p=list(INPUTS.values()))
    inputs = np.where(services == "scanner", "image", inputs)
    ids = pl.int_range(first, first + count, eager=True)
    session = (
        pl.Series(users).cast(pl.String)
        + "-"
        + (pl.Series(start) // (6 * 3600 * 10**9)).cast(pl.String)
    )
    return pl.DataFrame(
        {
            "request_id": _hex(rng, count, 16),
            "trace_id": _hex(rng, count, 16),
            "request_span_id": _hex(rng, count, 8),
            "external_request_id": "req_" + ids.cast(pl.String),
            "start_unix_nano": start,
            "user_id": "user-" + pl.Series(users).cast(pl.String),
            "session_id": "call-" + session,
            "service": services,
            "inputs": inputs,
            "model": rng.choice(MODELS_USED, count, p=[0.5, 0.35, 0.15]),
            "failed": rng.random(count) < 0.03,
        }
    ).with_columns(
        emitter=pl.col("service").replace(SERVICES),
        input_modalities=pl.col("inputs").str.split("+"),
    )


def _hex(rng: np.random.Generator, count: int, bytes_: int) -> pl.Series:
    """So many ids of so many bytes, in hex."""
    text = rng.bytes(count * bytes_).hex()
    width = 2 * bytes_
    return pl.Series([text[at : at + width] for at in range(0, len(text), width)], dtype=pl.String)


def _sizes(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """How large it was; null for what did not come in."""
    count = frame.height

    def heavy(median: float, spread: float) -> Numbers:
        return rng.lognormal(np.log(median), spread, count)

    has = {kind: frame["input_modalities"].list.contains(kind) for kind in ("audio", "image")}
    late = frame["start_unix_nano"] >= START // DAY * DAY + 20 * DAY
    whole = (frame["service"] == "scanner") & late
    megapixels = pl.Series(heavy(1.0, 0.6)) * pl.when(whole).then(24.0).otherwise(1.0)
    return frame.with_columns(
        audio_seconds=pl.when(has["audio"]).then(pl.Series(heavy(6.0, 1.0)).round(2)),
        images=pl.when(has["image"]).then(pl.Series(rng.geometric(0.7, count))),
        megapixels=pl.when(has["image"]).then(megapixels),
        pages=pl.when(pl.col("inputs").str.contains("document")).then(
            pl.Series(rng.geometric(0.15, count))
        ),
        input_tokens=pl.Series(heavy(900, 1.1)).cast(pl.Int64),
        output_tokens=pl.Series(heavy(120, 0.9)).cast(pl.Int64),
        characters=pl.when(has["audio"]).then(pl.Series(heavy(300, 0.7)).cast(pl.Int64)),
    ).with_columns(
        image_input_tokens=(pl.col("images") * pl.col("megapixels") * 1_300).cast(pl.Int64),
        output_audio_seconds=(pl.col("characters") / 15).round(2),
    )


def _costs(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """What each unit cost, and their sums."""
    dice = rng.random(frame.height)
    frame = frame.with_columns(
        # An emitter's total covers the speech; what is not priced is its synthesis.
        cost_unknown=pl.Series(dice < 0.02),
        partly=pl.Series((dice > 0.02) & (dice < 0.05)) & pl.col("characters").is_not_null(),
        discount=pl.col("model").replace_strict(DISCOUNT),
    )
    items, costs = [], {}
    for unit, (stage, content, price) in UNITS.items():
        rate = pl.col("discount") * price if stage == "reasoning" else pl.lit(price)
        missing = pl.col("cost_unknown") | (pl.col("partly") if stage == "synthesis" else False)
        rate = pl.when(~missing).then(rate)
        cost = pl.col(unit) * rate
        costs[unit] = cost.alias(f"cost.{unit}")
        item = pl.struct(
            span_id="request_span_id",
            stage=pl.lit(stage),
            model=pl.col("model") if stage == "reasoning" else pl.lit(f"{stage}-1"),
            unit=pl.lit(unit),
            content=pl.lit(content),
            quantity=pl.col(unit).cast(pl.Float64),
            unit_usd=rate,
            cost_usd=cost,
            source=pl.when(rate.is_not_null()).then(pl.lit("policy")),
        ).cast(COST_ITEM)
        items.append(pl.when(pl.col(unit).is_not_null()).then(item))
    frame = frame.with_columns(*costs.values(), cost_items=pl.concat_list(items).list.drop_nulls())
    return frame.with_columns(
        cost_usd=pl.when(~pl.col("cost_unknown")).then(
            pl.sum_horizontal(f"cost.{unit}" for unit in UNITS)
        ),
        cost_by_stage=_split(
            {stage: [u for u in UNITS if UNITS[u][0] == stage] for stage in STAGES} | {"tool": []}
        ),
        cost_by_content=_split(
            {each: [u for u in UNITS if UNITS[u][1] == each] for each in CONTENTS}
        ),
        cost_is_lower_bound=pl.col("partly"),
        cost_unpriced_spans=pl.when("cost_unknown").then(2).when("partly").then(1).otherwise(0),
    )


def _split(parts: dict[str, list[str]]) -> pl.Expr:
    sums = []
    for name, units in parts.items():
        columns = [pl.col(f"cost.{unit}") for unit in units]
        known = (
            pl.any_horizontal(each.is_not_null() for each in columns) if units else pl.lit(False)
        )
        total = pl.sum_horizontal(columns) if units else pl.lit(0.0)
        sums.append(pl.when(known).then(total).alias(name))
    return pl.struct(sums)


def _times(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """How long each stage took, and what was the first to be heard."""
    count = frame.height
    noise = [pl.Series(rng.lognormal(0, 0.35, count)) for _ in range(4)]
    heard = pl.col("audio_seconds").is_not_null()
    spoken = pl.col("characters").is_not_null()
    frame = frame.with_columns(
        transcription=pl.when(heard).then((150 + 40 * pl.col("audio_seconds")) * noise[0]),
        reasoning=(
            300
            + 12 * pl.col("output_tokens")
            + 0.05 * pl.col("input_tokens")
            + 0.2 * pl.col("image_input_tokens").fill_null(0)
        )
        * noise[1],
        synthesis=pl.when(spoken).then((120 + 1.5 * pl.col("characters")) * noise[2]),
        residual=25 * noise[3],
        first_token=0.3 * noise[1] * 1_000,
        tool=pl.lit(None, pl.Float64),
    )
    frame = frame.with_columns(pl.col(*PATH_STAGES).round(6))
    return frame.with_columns(
        duration_ms=pl.sum_horizontal(*PATH_STAGES),
        ttfa_ms=pl.when(spoken).then(
            pl.sum_horizontal("transcription", "first_token", pl.lit(180.0))
        ),
        path_ms=pl.struct(PATH_STAGES),
        chain_ms=pl.when(spoken).then(
            pl.struct(
                transcript="transcription", first_token="first_token", first_audio=pl.lit(180.0)
            )
        ),
    )


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of `REQUEST`."""
    budgets = {"latency": ("duration_ms", 8_000.0), "cost": ("cost_usd", 0.05)}
    breaches = [
        pl.when(pl.col(column) > limit).then(
            pl.struct(
                metric=pl.lit(metric),
                stage=pl.lit(None, pl.String),
                value=pl.col(column),
                limit=pl.lit(limit),
            )
        )
        for metric, (column, limit) in budgets.items()
    ]
    used = {"transcription": "audio_seconds", "synthesis": "characters"}
    models = [
        pl.when(pl.col(used[stage]).is_not_null())
        .then(pl.concat_list(pl.lit(f"{stage}-1")))
        .otherwise(pl.lit([], pl.List(pl.String)))
        .alias(stage)
        for stage in used
    ]
    made = frame.with_columns(
        span_ids=pl.concat_list("request_span_id"),
        models=pl.struct(models[0], pl.concat_list("model").alias("reasoning"), models[1]),
        output_modalities=pl.when(pl.col("characters").is_not_null())
        .then(pl.lit(["audio"]))
        .otherwise(pl.lit(["text"])),
        sizes=pl.struct(
            *(
                pl.col(each.name)
                if each.name in frame.columns
                else pl.lit(None).cast(each.dtype).alias(each.name)
                for each in SIZES.fields
            )
        ),
        breaches=pl.concat_list(breaches).list.drop_nulls(),
        stage=pl.when("failed").then(pl.lit("reasoning")),
        cause=pl.when("failed").then(pl.lit("llm_error")),
        verdict=pl.when("failed").then(pl.lit("the model call ended with an error")),
    )
    lists = {
        name: pl.lit([], dtype)
        for name, dtype in REQUEST.items()
        if isinstance(dtype, pl.List) and name not in made.columns
    }
    return made.select(
        (pl.col(name) if name in made.columns else lists.get(name, pl.lit(None)))
        .cast(dtype)
        .alias(name)
        for name, dtype in REQUEST.items()
    )


def fill(store: Store, count: int, commits: int, seed: int = 1) -> None:
    """Commit them in so many parts, in one writing turn."""
    with store.writer() as writer:
        for number in range(commits):
            first, end = number * count // commits, (number + 1) * count // commits
            rows = make_requests(end - first, seed=seed, first=first)
            entry = LoadEntry({"path": "made up", "spans_read": 0, "status": "loaded"})
            writer.commit(None, rows, rows["trace_id"].to_list(), [entry], in_force={"": "made up"})


def main() -> None:
    """Make a store in an empty folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--commits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    store = Store.open(options.folder, create=True)
    fill(store, options.requests, options.commits, options.seed)
    store.close()
    print(f"{options.requests:,} requests in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
