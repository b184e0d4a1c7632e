"""What is asked of requests by default: their columns, with names for people and marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.different.population import Attribute
from tracelens.model import CONTENTS, PATH_STAGES, STAGES

Metric = Literal["cost", "latency", "ttfa"]
Truths = npt.NDArray[np.bool_]
TIMES: Final[tuple[Metric, ...]] = ("latency", "ttfa")
ALL: Final[tuple[Metric, ...]] = ("cost", *TIMES)


@dataclass(frozen=True)
class Asked:
    """A column of `Store.request_columns`, or of `derived`, that is asked by default.

    Only for the metrics `of`, and as a mechanism for those that it takes part in making.
    """

    name: str
    column: str
    unit: str = ""
    of: tuple[Metric, ...] = ALL
    mechanism: tuple[Metric, ...] = ()
    missing: bool = False


#: In the order in which equal findings are told: what somebody can change comes before what follows
#: from it. Sizes make cost by their price, and what is put out takes its time; how large the input
#: was makes a request slow only where something does badly with it, which is news.
ASKED: Final = (
    Asked("inputs", "inputs"),
    Asked("outputs", "outputs"),
    *(Asked(f"{stage} model", f"model.{stage}", missing=True) for stage in STAGES),
    Asked("service", "service", missing=True),
    Asked("emitter", "emitter"),
    Asked("language", "language"),
    Asked("user", "user_id", missing=True),
    Asked("requests in the session", "requests_in_session"),
    Asked("turn", "turn_number"),
    Asked("hour of the day", "hour"),
    Asked("weekday", "weekday"),
    Asked("failed", "failed"),
    Asked("cause of the failure", "cause"),
    Asked("audio length", "sizes.audio_seconds", "s", mechanism=("cost",)),
    Asked("images", "sizes.images", mechanism=("cost",)),
    Asked("image size", "sizes.megapixels", "megapixels", mechanism=("cost",)),
    Asked("document pages", "sizes.pages", mechanism=("cost",)),
    Asked("input tokens", "sizes.input_tokens", mechanism=("cost",)),
    Asked("audio input tokens", "sizes.audio_input_tokens", mechanism=("cost",)),
    Asked("image input tokens", "sizes.image_input_tokens", mechanism=("cost",)),
    Asked("output tokens", "sizes.output_tokens", mechanism=("cost", "latency")),
    Asked("characters spoken", "sizes.characters", mechanism=("cost", "latency")),
    Asked("spoken answer", "sizes.output_audio_seconds", "s", mechanism=("cost", "latency")),
    *(
        Asked(f"{stage} cost", f"cost_by_stage.{stage}", "$", of=("cost",), mechanism=("cost",))
        for stage in (*STAGES, "tool")
    ),
    *(
        Asked(
            f"cost of {content.replace('_', ' ')}",
            f"cost_by_content.{content}",
            "$",
            of=("cost",),
            mechanism=("cost",),
        )
        for content in CONTENTS
    ),
    Asked("time to first token", "ttft_ms", "ms", of=TIMES, mechanism=TIMES),
    Asked("time to first audio", "ttfa_ms", "ms", of=("latency",), mechanism=("latency",)),
    *(
        Asked(f"time in {stage}", f"path_ms.{stage}", "ms", of=TIMES, mechanism=TIMES)
        for stage in PATH_STAGES
        if stage != "residual"
    ),
    Asked("time outside of all stages", "path_ms.residual", "ms", of=TIMES, mechanism=TIMES),
)

#: What other columns are made of.
SOURCES: Final = ("session_id", "start_unix_nano")
DERIVED: Final = ("requests_in_session", "hour", "weekday")


def asked_columns(metric: Metric) -> list[str]:
    """The columns of `Store.request_columns` that `request_attributes` needs.

    A language is no column of a request; who knows it can add one to the frame.
    """
    own = [each.column for each in ASKED if metric in each.of]
    return [*(name for name in own if name not in (*DERIVED, "language")), *SOURCES]


def request_attributes(
    frame: pl.DataFrame, metric: Metric, zone: str = "UTC", counted: Truths | None = None
) -> tuple[pl.DataFrame, list[Attribute]]:
    """The frame with `requests_in_session`, `hour` and `weekday`, and what to ask of it.

    Args:
        frame: columns as of `asked_columns`; those that are not there are not asked.
        metric: what the tail is of: it decides what is asked, and what is mechanism.
        zone: the time zone of hours and weekdays.
        counted: which rows count as requests of a session; None for all of them.
    """
    wider = frame.with_columns(_derived(frame, zone, counted))
    return wider, [
        Attribute(
            _named(each, zone),
            each.column,
            each.unit,
            mechanism=metric in each.mechanism,
            missing=each.missing,
        )
        for each in ASKED
        if metric in each.of and each.column in wider.columns
    ]


def _words(words: list[str]) -> pl.Series:
    return pl.Series(words, dtype=pl.Enum(words))


def _named(asked: Asked, zone: str) -> str:
    return f"{asked.name} ({zone})" if asked.column in ("hour", "weekday") else asked.name


def _derived(frame: pl.DataFrame, zone: str, counted: Truths | None) -> list[pl.Series]:
    made = []
    if "session_id" in frame.columns:
        made.append(_sizes(frame["session_id"], counted).alias("requests_in_session"))
    if "start_unix_nano" in frame.columns:
        made += _clock(frame["start_unix_nano"], zone)
    return made


def _sizes(session: pl.Series, counted: Truths | None) -> pl.Series:
    """Requests in the session of each; one without a session is not the only one of a session."""
    codes = session.cast(pl.Categorical).to_physical() if session.dtype == pl.String else session
    codes = codes.to_physical().cast(pl.UInt32)
    own = codes if counted is None else codes.filter(pl.Series(counted))
    counts = np.bincount(
        own.drop_nulls().to_numpy(), minlength=int(cast(int, codes.max() or 0)) + 1
    )
    return pl.Series(counts).gather(codes)


def _clock(start: pl.Series, zone: str) -> list[pl.Series]:
    """`hour` and `weekday` there, to the quarter of an hour: no zone is off by less."""
    quarter = start // QUARTER
    first, last = quarter.min(), quarter.max()
    if not isinstance(first, int) or not isinstance(last, int) or last - first > len(start) + MANY:
        return _told(quarter, zone)
    # Of a million times few quarters differ, and a zone is slow to look up.
    places = (quarter - first).cast(pl.UInt32)
    every = _told(pl.Series(range(first, last + 1), dtype=pl.Int64), zone)
    return [each.gather(places) for each in every]


def _told(quarter: pl.Series, zone: str) -> list[pl.Series]:
    nanos = (quarter * QUARTER).cast(pl.Datetime("ns", "UTC"))
    local = nanos.dt.convert_time_zone(zone)
    return [
        _HOURS.gather(local.dt.hour().cast(pl.UInt32)).alias("hour"),
        _DAYS.gather(local.dt.weekday().cast(pl.UInt32) - 1).alias("weekday"),
    ]


QUARTER: Final = 900 * 10**9
#: Quarters in three years.
MANY: Final = 105_000

_HOURS: Final = _words([f"{hour:02d}:00" for hour in range(24)])
_DAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
