"""The way to the first audio: end of speech, transcript, first token, first audio.

Each part counts from the end of the one before, so the parts and what is left of the time to first
audio add up to it; what is left is playback, transport, and what nobody records. A part whose
beginning or end is not recorded is null. A later part that began before the earlier one had ended
(preemptive generation) kept nobody waiting and is 0.

When the user stopped speaking is known from a span of the user's speech, from a recogniser that
says how long after it the transcript came, or, in a trace, from its start: there the input is whole
when the request begins. A recogniser that ran as long as the audio lasted may have been listening.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.model import CHAIN

CHAIN_MS: Final = pl.Struct({part: pl.Float64() for part in CHAIN})

#: The part of the chain that each stage ends.
PARTS: Final = dict(zip(CHAIN, ("transcription", "reasoning", "synthesis"), strict=True))

#: Part of the time to first audio by which the clocks that measure it may differ.
TOLERANCE: Final = 0.1

_KEYS: Final = ["request", "exchange"]


def with_chain(requests: pl.DataFrame, runs: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """The requests with `chain_ms`, and `ttfa_ms` where it can be derived.

    Of several exchanges the last one that was spoken (or answered) counts, of several model calls
    the last before its speech began.

    Args:
        requests: the frame of `summarise`; `ttfa_ms` holds what an emitter recorded of it.
        runs: the frame of `stage_runs`.
        spans: the frame of `assign_requests`.
    """
    fine = runs.filter(~pl.col("is_error")).sort("request", "start", "end", "run")
    frame = requests.select("request", "role", "complete", "start", "ttfa_ms")
    frame = _join(frame, _last_exchange(fine))
    frame = _join(frame, _voice(fine), _KEYS)
    frame = _join(frame, _call(fine, frame), ["request"])
    frame = frame.with_columns(answer=pl.coalesce("voice_start", "call_start"))
    frame = _join(frame, _transcript(fine, frame), ["request"])
    frame = _join(frame, _spoken(spans, frame), ["request"])
    frame = frame.with_columns(speech_end=_speech_end(), transcript_at=_transcript_at())
    before = pl.when(pl.col("listen_start").is_null()).then("speech_end")
    frame = frame.with_columns(before=pl.coalesce("transcript_at", before))
    token = pl.max_horizontal("token_at", "before")
    chain = {
        "transcript": pl.coalesce("delay_ms", _ms(pl.col("transcript_at") - pl.col("speech_end"))),
        "first_token": _ms(token - pl.col("before")),
        "first_audio": _ms(pl.max_horizontal("audio_at", token) - token),
    }
    known = {
        "transcript": pl.lit(True),
        "first_token": pl.col("token_at").is_not_null(),
        "first_audio": pl.col("audio_at").is_not_null() & pl.col("token_at").is_not_null(),
    }
    whole = _ms(pl.coalesce("played_at", "audio_at") - pl.col("speech_end"))
    parts = frame.with_columns(
        pl.when(known[part]).then(value).alias(part) for part, value in chain.items()
    )
    told = _possible(parts).select(
        ttfa_ms=pl.coalesce("ttfa_ms", whole), chain_ms=pl.struct(CHAIN).cast(CHAIN_MS)
    )
    return requests.with_columns(told.get_columns())


def _possible(parts: pl.DataFrame) -> pl.DataFrame:
    """Parts that add up to more than the whole begin somewhere else than their spans say.

    What the recogniser itself says it took stays, and so does what follows the first token.
    """
    more = pl.sum_horizontal(CHAIN) > pl.col("ttfa_ms") * (1 + TOLERANCE)
    more = more.fill_null(False)
    return parts.with_columns(
        transcript=pl.when(more).then("delay_ms").otherwise("transcript"),
        first_token=pl.when(~more).then("first_token"),
    )


def _join(frame: pl.DataFrame, other: pl.DataFrame, on: list[str] | None = None) -> pl.DataFrame:
    return frame.join(other, on=on or ["request"], how="left", maintain_order="left")


def _last_exchange(runs: pl.DataFrame) -> pl.DataFrame:
    """The exchange that is looked at: the last that was spoken, else the last that was answered."""
    of = {stage: pl.col("exchange").filter(pl.col("stage") == stage) for stage in PARTS.values()}
    last = pl.coalesce(of["synthesis"].max(), of["reasoning"].max(), of["transcription"].max())
    return runs.group_by("request").agg(last.alias("exchange"))


def _voice(runs: pl.DataFrame) -> pl.DataFrame:
    """When speech synthesis began, and when its first audio came."""
    voice = runs.filter(pl.col("stage") == "synthesis")
    return voice.group_by(_KEYS, maintain_order=True).agg(
        pl.col("start").first().alias("voice_start"),
        (pl.col("start") + _nanos("ttfb_ms")).first().alias("audio_at"),
    )


def _call(runs: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The last model call of the exchange that began before its speech, and its first token."""
    calls = runs.filter(pl.col("stage") == "reasoning").join(
        frame.select(*_KEYS, "voice_start"), on=_KEYS, maintain_order="left"
    )
    before = (pl.col("start") <= pl.col("voice_start")).fill_null(True)
    return (
        calls.filter(before)
        .group_by("request", maintain_order=True)
        .agg(
            pl.col("start").last().alias("call_start"),
            (pl.col("start") + _nanos("ttft_ms")).last().alias("token_at"),
        )
    )


def _transcript(runs: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The last transcription of the exchange that began before its answer."""
    heard = runs.filter(pl.col("stage") == "transcription").join(
        frame.select(*_KEYS, "answer"), on=_KEYS, maintain_order="left"
    )
    before = (pl.col("start") <= pl.col("answer")).fill_null(True)
    return (
        heard.filter(before)
        .group_by("request", maintain_order=True)
        .agg(
            pl.col("start").last().alias("listen_start"),
            pl.col("end").last().alias("listen_end"),
            pl.when(pl.col("ttfb_ms") >= 0).then("ttfb_ms").last().alias("delay_ms"),
            pl.col("audio_seconds").last(),
        )
    )


def _spoken(spans: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """When the user's last words before the answer ended, and when the answer was first played."""
    heard = spans.filter(pl.col("role").is_in(["user_speech", "playout"])).select(
        "request", "role", first="start_unix_nano", last="end_unix_nano"
    )
    sides = heard.join(frame.select("request", "answer", "voice_start"), on="request")
    user = (pl.col("role") == "user_speech") & (pl.col("last") <= pl.col("answer")).fill_null(True)
    played = (pl.col("role") == "playout") & (pl.col("first") >= pl.col("voice_start"))
    return sides.group_by("request").agg(
        pl.col("last").filter(user).max().alias("user_end"),
        pl.col("first").filter(played).min().alias("played_at"),
    )


def _speech_end() -> pl.Expr:
    listening = pl.col("listen_end") - pl.col("listen_start")
    live = (pl.col("audio_seconds") * 1e9 <= listening).fill_null(False)
    whole = (pl.col("role") == "trace") & pl.col("complete") & ~live
    first = pl.col("exchange").fill_null(0) == 0
    told = pl.when(_placed()).then(pl.col("listen_end") - _nanos("delay_ms"))
    return pl.coalesce("user_end", told, pl.when(whole & first).then("start"))


def _transcript_at() -> pl.Expr:
    """When the transcript was there; a turn of the user ends later, when it was surely over."""
    return (
        pl.when(pl.col("user_end").is_not_null() & pl.col("delay_ms").is_not_null())
        .then(pl.col("user_end") + _nanos("delay_ms"))
        .when(_placed() | (pl.col("delay_ms").is_null() & (pl.col("role") != "user_turn")))
        .then("listen_end")
    )


def _placed() -> pl.Expr:
    """Whether the end of speech that a recogniser tells of lies within its own span.

    Some instrumentations open or close the span at other times than the recogniser worked.
    """
    within = pl.col("listen_end") - _nanos("delay_ms") >= pl.col("listen_start")
    return within.fill_null(False) & (pl.col("role") != "user_turn")


def _nanos(column: str) -> pl.Expr:
    """Recorded milliseconds in ns; null for what is no time."""
    value = (pl.col(column) * 1e6).round().cast(pl.Int64, strict=False)
    return pl.when(value >= 0).then(value)


def _ms(nanos: pl.Expr) -> pl.Expr:
    """Milliseconds; null for what is no duration."""
    return pl.when(nanos >= 0).then((nanos / 1e6).round(6))
