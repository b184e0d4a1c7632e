"""One row per request: what stands for it, when it ran, who made it, and how its own span ended."""

from __future__ import annotations

import hashlib

import polars as pl

from tracelens.requests.assemble import TURNS
from tracelens.requests.runs import CLIENT
from tracelens.requests.sizes import request_sizes
from tracelens.requests.tree import nearest
from tracelens.requests.usage import is_cost

#: What reads a page rather than hears a voice, in the name of a span or a model.
READS = r"(?i)(?:^|[^a-z])(?:ocr|document|image|page|pdf|scan)"

#: Two turns of a session that are further apart than this do not interrupt one another, in ns.
NEXT_TURN_NANOS = 600_000_000_000


def summarise(spans: pl.DataFrame, runs: pl.DataFrame, paying: pl.DataFrame) -> pl.DataFrame:
    """Summarise each request.

    Args:
        spans: the frame of `assign_requests` with the columns of `with_errors`.
        runs: the frame of `stage_runs` on it.
        paying: the frame of `paying_spans` on it.

    Returns:
        One row per request with its ids, role (`turn`, `user_turn`, `agent_turn`, `trace`), span
        ids, times in ns, `complete` (its own span is there), the error of its own code
        (`app_*`: an error outside of every stage), `interrupted`, `conversation` (those that
        share it follow one another), `later_turn`, `heard`, and `notes`: what is odd about its
        spans, sorted. `sizes` and modalities say what came in and went out.
    """
    inside = spans.filter(pl.col("request").is_not_null())
    requests = inside.group_by("request", maintain_order=True).agg(_request_columns())
    requests = requests.join(_notes(inside), on="request", how="left", maintain_order="left")
    requests = requests.join(_app_errors(spans), on="request", how="left")
    requests = requests.join(_run_columns(runs), on="request", how="left")
    requests = requests.join(request_sizes(spans, paying), on="request", how="left")
    requests = requests.with_columns(
        request_id=request_ids(requests.get_column("request")),
        heard=pl.col("heard").fill_null(False),
        input_modalities=_together("input_modalities", "counted_in"),
        output_modalities=_together("output_modalities", "counted_out"),
    )
    return _with_later_turns(requests, _sessions(spans)).sort("start", "request")


def _together(recorded: str, counted: str) -> pl.Expr:
    both = pl.col(recorded).fill_null([]).list.concat(pl.col(counted).fill_null([]))
    return both.list.unique().list.sort()


def _request_columns() -> list[pl.Expr]:
    own = pl.col("span_id") == pl.col("request_span_id")
    turn = pl.col("role").is_in(TURNS)
    reply = pl.col("role") == "agent_turn"
    mapped = pl.col("emitter").filter((pl.col("stage_by") == "mapping") | turn).drop_nulls()
    placed = pl.col("emitter").filter(pl.col("stage").is_not_null()).drop_nulls()
    own_start, own_end = pl.col("start_unix_nano").filter(own), pl.col("end_unix_nano").filter(own)
    reply_end = pl.col("end_unix_nano").filter(reply).max()
    return [
        pl.col("request_trace_id").first(),
        pl.col("request_span_id").first(),
        own.any().alias("complete"),
        pl.coalesce(pl.col("role").filter(own & turn).first(), _assumed_role()).alias("role"),
        pl.col("span_id").sort_by("start_unix_nano", "row").alias("span_ids"),
        pl.coalesce(
            pl.col("session_id").filter(turn).first(), pl.col("session_id").drop_nulls().first()
        ).alias("session_id"),
        pl.col("user_id").drop_nulls().first(),
        pl.col("external_request_id").drop_nulls().first(),
        pl.coalesce(
            pl.col("service").filter(own).first(), pl.col("service").drop_nulls().first()
        ).alias("service"),
        pl.coalesce(
            mapped.mode().sort().first(),
            placed.mode().sort().first(),
            pl.col("emitter").drop_nulls().first(),
        ).alias("emitter"),
        pl.col("turn_number").drop_nulls().first(),
        pl.coalesce(own_start.first(), pl.col("start_unix_nano").min()).alias("start"),
        pl.coalesce(
            pl.max_horizontal(own_end.first(), reply_end), pl.col("end_unix_nano").max()
        ).alias("end"),
        pl.col("interrupted").filter(turn).any().alias("interrupted"),
        pl.col("is_cancel").filter(own).any().alias("own_cancel"),
        (pl.col("is_error") & own).any().alias("own_error"),
        (pl.col("status_code").filter(own) == 1).any().alias("own_ok"),
        pl.col("http_status").filter(own).first().alias("own_http_status"),
        _of_an_assistant().any().alias("assistant"),
        pl.col("ttfb_ms")
        .filter(turn & (pl.col("role") != "user_turn"))
        .drop_nulls()
        .first()
        .alias("ttfa_ms"),
    ]


def _notes(spans: pl.DataFrame) -> pl.DataFrame:
    """`request, notes`: what the reader noted about its spans, and what their tree shows."""
    start, end = pl.col("start_unix_nano"), pl.col("end_unix_nano")
    above = spans.select(row="row", parent_start="start_unix_nano")
    tree = spans.join(above, left_on="parent_row", right_on="row", how="left")
    root = pl.col("parent_span_id").is_null()
    shape = {
        "bad_cost": (pl.col("cost_usd").is_not_null() & ~is_cost()).any(),
        "clock_skew": (start < pl.col("parent_start")).any(),
        "cycle": pl.col("cut").any(),
        "duplicate_id": pl.col("duplicate").any(),
        "missing_parent": pl.col("orphan").any(),
        "several_roots": root.sum() > 1,
        "zero_duration": (start == end).any(),
    }
    seen = tree.group_by("request").agg(
        pl.col("notes").drop_nulls().explode().drop_nulls().unique(),
        pl.concat_list(
            pl.when(odd.fill_null(False)).then(pl.lit(note)) for note, odd in shape.items()
        )
        .first()
        .alias("_shape"),
    )
    notes = pl.col("notes").list.concat("_shape").list.drop_nulls().list.sort()
    return seen.select("request", notes=notes)


def _of_an_assistant() -> pl.Expr:
    """Whether a span shows an assistant at work; a plain HTTP call is anybody's."""
    known = pl.col("emitter").is_not_null() & (pl.col("kind") != CLIENT).fill_null(True)
    return pl.col("stage").is_not_null() | pl.col("role").is_not_null() | known


def _assumed_role() -> pl.Expr:
    return pl.when(pl.col("turn_based").any()).then(pl.lit("turn")).otherwise(pl.lit("trace"))


def request_ids(requests: pl.Series) -> pl.Series:
    """First 32 hex digits of SHA-256 over trace id and request span id, as lower-case hex text."""
    return pl.Series(
        [hashlib.sha256(key.encode()).hexdigest()[:32] for key in requests], dtype=pl.String
    )


def _app_errors(spans: pl.DataFrame) -> pl.DataFrame:
    """The error of the application's own code: outside every stage, not merely passed on.

    Self errors and propagated ones are told apart as in CRISP (Zhang et al., USENIX ATC 2022): a
    span that failed with no failed span below it is where an error began. One that its parent did
    not take over was handled, so an error that reached the request goes before it.
    """
    links = _passed_on(spans)
    failed = spans.filter(pl.col("is_error") & pl.col("stage").is_null()).with_columns(
        named=pl.col("exception_type").is_not_null(), reached=_reached(spans, links)
    )
    began = failed.filter(~pl.col("row").is_in(links.get_column("above").implode()))
    order = ["reached", "named", "depth", "start_unix_nano", "row"]
    return (
        began.sort(order, descending=[True, True, False, False, False])
        .group_by("request", maintain_order=True)
        .agg(
            pl.col("span_id").first().alias("app_span_id"),
            pl.col("error_type").first().alias("app_error_type"),
            pl.coalesce("exception_message", "status_message").first().alias("app_message"),
            pl.coalesce("exception_unix_nano", "end_unix_nano").first().alias("app_time"),
            pl.col("is_timeout").first().alias("app_timeout"),
            pl.col("role").first().alias("app_role"),
            pl.col("kind").first().alias("app_kind"),
        )
    )


def _reached(spans: pl.DataFrame, links: pl.DataFrame) -> pl.Expr:
    """Whether a failed span's error was passed on by all that hold it, up to its request's own."""
    row, parent = spans.get_column("row"), spans.get_column("parent_row")
    request = spans.get_column("request")
    inside = (request == request.gather(parent)).fill_null(False)
    stopped = inside & ~row.is_in(links.get_column("row").implode())
    stop = nearest(parent, stopped)
    reached = row.filter(stop.is_null() | (request.gather(stop) != request).fill_null(True))
    return pl.col("row").is_in(reached.implode())


def _passed_on(spans: pl.DataFrame) -> pl.DataFrame:
    """`row` and `above`: failed spans whose error is that of the failed span above them.

    It is where both are the same error, where the one above says nothing of its own, and where a
    stage failed for good: applications put errors of their own names around those. Another error
    was handled (CRISP calls it suppressed), or the span above would not have got to its own.

    A span outside every stage that gives no reason explains nothing: web frameworks mark the span
    that sends the error page, while the exception stands on the request's own span.
    """
    said = pl.coalesce("exception_message", "status_message").str.strip_chars()
    failed = spans.filter(pl.col("is_error") & pl.col("request").is_not_null()).with_columns(
        said=pl.when(said != "").then(said)
    )
    above = failed.select(above="row", own_type="error_type", own_said="said")
    pairs = failed.join(above, left_on="parent_row", right_on="above", coalesce=False)
    reason = pl.col("error_type").is_not_null() | pl.col("said").is_not_null()
    silent = pl.col("own_type").is_null() & pl.col("own_said").is_null()
    staged = pl.col("stage").is_not_null()
    lost = staged & ~_tried_again(spans)
    return pairs.filter((reason | staged) & (silent | lost | _same_error())).select("row", "above")


def _same_error() -> pl.Expr:
    """Whether a child's error is its parent's: the same words, or one type and no words against.

    A wrapper that quotes the message of what it caught passes it on.
    """
    own, said = pl.col("own_said"), pl.col("said")
    words = own.str.contains(said, literal=True) | said.str.contains(own, literal=True)
    kind = pl.col("own_type") == pl.col("error_type")
    unsaid = own.is_null() | said.is_null()
    return words.fill_null(False) | (kind & unsaid).fill_null(False)


def _tried_again(spans: pl.DataFrame) -> pl.Expr:
    """Whether a failed span's stage worked later in its request: a retry or a fallback."""
    key = pl.concat_str("request", "stage", separator=" ")
    fine = spans.filter(~pl.col("is_error") & ~pl.col("is_cancel")).select(
        key=key, began="start_unix_nano"
    )
    last = fine.drop_nulls("key").group_by("key").agg(pl.col("began").max())
    began = key.replace_strict(
        last.get_column("key"), last.get_column("began"), default=None, return_dtype=pl.Int64
    )
    return (began >= pl.col("end_unix_nano")).fill_null(False)


def _run_columns(runs: pl.DataFrame) -> pl.DataFrame:
    return runs.group_by("request").agg(
        _heard().alias("heard"),
        (_stated() & (pl.col("stage") == "transcription") & ~_reads()).any().alias("surely_heard"),
        (pl.col("stage") == "reasoning").any().alias("reasoned"),
        pl.col("speech_to_speech").any(),
        pl.col("ttft_ms").filter(pl.col("stage") == "reasoning").drop_nulls().first(),
        pl.col("input_modalities").drop_nulls().explode().drop_nulls().unique().sort(),
        pl.col("output_modalities").drop_nulls().explode().drop_nulls().unique().sort(),
        ((pl.col("stage") == "synthesis") & ~_draws()).any().alias("spoke"),
    )


def _stated() -> pl.Expr:
    """Whether an instrumentation says what a run is, rather than a task's or a model's name.

    Whoever is known by name alone may record one stage and none of the others.
    """
    return ~pl.col("stage_by").is_in(["task_name", "model"]).fill_null(False)


def _reads() -> pl.Expr:
    """Whether a transcription reads a page: nobody who sends one waits for a voice."""
    named = pl.concat_str(
        pl.col("name").fill_null(""), pl.col("model").fill_null(""), separator=" "
    )
    given = pl.col("input_modalities")
    seen = given.list.contains("image") | given.list.contains("document")
    return named.str.contains(READS) | seen.fill_null(False)


def _draws() -> pl.Expr:
    """Whether what was made is pictures and no speech."""
    made = pl.col("output_modalities")
    drawn = made.list.contains("image") & ~made.list.contains("audio")
    return drawn.fill_null(False)


def _heard() -> pl.Expr:
    """Whether speech came in; a task's name alone (`listen`) does not make a voice assistant."""
    heard = (pl.col("stage") == "transcription") & ~_reads()
    sure = (pl.col("stage_by") != "task_name").fill_null(True)
    return (heard & sure).any() | (heard.any() & pl.col("stage").n_unique().gt(1))


def _sessions(spans: pl.DataFrame) -> pl.DataFrame:
    """Traces that hold a whole session: their turns follow one another inside the trace."""
    return spans.filter(pl.col("role") == "session").select("trace_id").unique()


def _with_later_turns(requests: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Add the `conversation` of each request, and whether another turn of it follows.

    One whose own span has not arrived stands alone: when it began is not known.
    """
    alone = pl.col("role") == "trace"
    whole = pl.col("request_trace_id").is_in(sessions.get_column("trace_id").implode())
    conversation = (
        pl.when(~pl.col("complete"))
        .then("request")
        .when(alone)
        .then(pl.coalesce("session_id", "request"))
        .when(whole)
        .then("request_trace_id")
        .otherwise(pl.coalesce("session_id", "request_trace_id"))
    )
    keyed = requests.with_columns(conversation=conversation).sort("start", "request")
    following = pl.col("start").shift(-1).over("conversation", alone) - pl.col("start")
    near = following <= NEXT_TURN_NANOS + pl.col("end") - pl.col("start")
    return keyed.with_columns(later_turn=(~alone & near).fill_null(False))
