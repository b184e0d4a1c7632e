"""The nouns that all steps share: span columns, request columns, and the words that fill them.

Frames cross between the steps, never objects per span. A *raw* span frame has `RAW_SPAN` columns
plus one promoted column per attribute key that an emitter mapping names; normalise adds
`CANONICAL_SPAN`; requests, checks and locate turn those into one `REQUEST` row per request.
Ids are lower-case hex text everywhere: it is what the contract prints, and every engine that
reads Parquet understands it.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

Stage = Literal["transcription", "reasoning", "synthesis"]
STAGES: Final[tuple[Stage, ...]] = ("transcription", "reasoning", "synthesis")
VERDICT_STAGES: Final = (*STAGES, "external", "undetermined")

#: Where content passes between two sides, in the order in which a request crosses them.
BOUNDARIES: Final = (
    "input>transcription",
    "input>reasoning",
    "transcription>reasoning",
    "reasoning>tool",
    "reasoning>synthesis",
    "reasoning>output",
    "synthesis>output",
)

OUTCOMES: Final = (
    "ok",
    "failed",
    "degraded",
    "inherited",
    "missing",
    "cancelled",
    "not_recorded",
    "not_expected",
)

#: Every cause that a verdict can carry, with its sentence. The documentation is made from it.
CAUSES: Final[dict[str, str]] = {
    "stt_error": "the recogniser ended with an error",
    "stt_timeout": "the recogniser did not answer in time",
    "stt_empty": "the recogniser returned no words",
    "stt_missing": "no transcription was recorded for speech that came in",
    "handoff_loss": "what one stage emitted is not what the next one received",
    "llm_error": "the model call ended with an error",
    "llm_timeout": "the model did not answer in time",
    "llm_empty": "the model returned neither text nor a tool call",
    "llm_truncated": "the model's answer was cut short",
    "llm_filtered": "a content filter withheld the model's answer",
    "llm_unusable": "the application found nothing usable in the model's answer",
    "llm_missing": "no reasoning was recorded after a transcript",
    "input_rejected": "the model refused the image, document or audio it was given",
    "schema_invalid": "the model's structured answer or tool arguments do not parse or validate",
    "tool_error": "a tool that the model called failed",
    "tts_error": "speech synthesis ended with an error or produced no audio",
    "tts_timeout": "speech synthesis did not answer in time",
    "tts_empty": "speech synthesis returned no audio",
    "tts_missing": "an answer was never given to speech synthesis",
    "app_error": "the application failed outside of every stage",
    "stt_wrong": "the recogniser returned other words than were said",
    "llm_wrong": "what was said had arrived, and the answer was wrong",
    "tts_wrong": "the speech was judged wrong",
    "user_reported": "somebody says that it went wrong, and nothing recorded shows how",
    "synthesis_drift": "what is heard of the spoken answer is not what was to be spoken",
    "unexpected_answer": "the answer is not what was expected, and nothing recorded shows how",
    "over_budget": "it used more than the policy allows, and the policy calls that a failure",
    "evaluation_failed": "an evaluation says that it went wrong, and nothing recorded shows how",
}

#: Columns that the readers fill: one row per span, all formats alike.
RAW_SPAN: Final = pl.Schema(
    {
        "trace_id": pl.String(),  # 32 lower-case hex digits
        "span_id": pl.String(),  # 16 lower-case hex digits
        "parent_span_id": pl.String(),  # null for a root
        "name": pl.String(),
        "kind": pl.Int8(),  # OTLP SpanKind number
        "start_unix_nano": pl.Int64(),  # null when absent or beyond int64
        "end_unix_nano": pl.Int64(),  # null when unfinished
        "status_code": pl.Int8(),  # 0 unset, 1 ok, 2 error
        "status_message": pl.String(),
        "trace_state": pl.String(),
        "flags": pl.Int64(),
        "service": pl.String(),  # resource attribute service.name
        "scope_name": pl.String(),
        "scope_version": pl.String(),
        "resource_attrs": pl.String(),  # JSON object
        "scope_attrs": pl.String(),  # JSON object, null when empty
        "attrs": pl.String(),  # JSON object: values up to 256 bytes
        "attrs_big": pl.String(),  # JSON object: the longer ones, null when none
        "events": pl.String(),  # JSON list of {name, time_unix_nano, attributes}
        "links": pl.String(),  # JSON list of {trace_id, span_id, ...}
        "dropped": pl.String(),  # JSON object of OTLP dropped counts, null when none
        "exception_type": pl.String(),  # of the last `exception` event
        "exception_message": pl.String(),
        "exception_unix_nano": pl.Int64(),
        "notes": pl.List(pl.String()),  # what was odd: invalid_id, unfinished, ...
        "content_hash": pl.Int64(),  # equal content, equal hash; over all of the above but position
        "position": pl.Int64(),  # byte offset of the record in the decompressed input
    }
)

#: Prefix of promoted columns: the attribute `gen_ai.request.model` is `attributes.gen_ai.…`.
PROMOTED: Final = "attributes."

AttributeType = Literal["text", "int", "float", "bool"]
ATTRIBUTE_DTYPE: Final[dict[AttributeType, pl.DataType]] = {
    "text": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
}

#: What people or programs say of a span, or of the request around it, beside what it recorded.
ASSESSMENT: Final = pl.Struct(
    {
        "kind": pl.String(),  # evaluation, feedback, transcript, answer, speech, confidence
        "about": pl.String(),  # span, parent (of a span that is no stage itself), request
        "name": pl.String(),  # of the evaluation
        "label": pl.String(),  # what was said in a word; truth values are true and false
        "score": pl.Float64(),  # what was said as a number
        "text": pl.String(),  # explanation or comment, or what should have been said
        "attribute": pl.String(),  # attribute or event that holds it
        "unix_nano": pl.Int64(),  # when it was said; null where only the span tells
    }
)

#: Columns that normalise adds: what a span means, whoever wrote it.
CANONICAL_SPAN: Final = pl.Schema(
    {
        "emitter": pl.String(),  # the mapping that read it, `policy` for rules; null when none did
        "turn_based": pl.Boolean(),  # its requests are turns inside a trace, not traces
        "role": pl.String(),  # session, turn, user_turn, agent_turn, user_speech, playout, ...
        "stage": pl.String(),  # transcription, reasoning, synthesis, tool; or null
        "stage_by": pl.String(),  # what placed it: mapping, or the kind of policy rule
        "speech_to_speech": pl.Boolean(),  # one call does all three stages
        "operation": pl.String(),
        "model": pl.String(),
        "provider": pl.String(),
        "tool_name": pl.String(),
        "text_in": pl.String(),  # what the stage received; null = not recorded, "" = empty
        "text_out": pl.String(),  # what the stage emitted; null = not recorded, "" = empty
        "context_in": pl.String(),  # reasoning: everything of this turn that the model was given
        "text_in_attribute": pl.String(),
        "text_out_attribute": pl.String(),
        "tool_calls": pl.Int64(),  # reasoning: tool calls asked for; null = not recorded
        "bad_tool_arguments": pl.String(),  # reasoning: the first tool arguments that do not parse
        "tool_failure": pl.String(),  # a tool's failure as the model was told it
        "tool_results": pl.String(),  # tool: what it returned; reasoning: JSON list of such texts
        "input_modalities": pl.List(pl.String()),
        "output_modalities": pl.List(pl.String()),
        "session_id": pl.String(),
        "user_id": pl.String(),
        "external_request_id": pl.String(),
        "turn_number": pl.Int64(),
        "finish_reason": pl.String(),
        "error_type": pl.String(),
        "http_status": pl.Int64(),
        "interrupted": pl.Boolean(),
        "sign": pl.String(),  # outcome by the emitter's own signs: failed, empty, cancelled
        "sign_cause": pl.String(),
        "sign_attribute": pl.String(),
        "sign_sentence": pl.String(),
        "ttfb_ms": pl.Float64(),
        "ttft_ms": pl.Float64(),
        # Usage. `input_tokens` and `output_tokens` are totals; the others of their side are parts
        # of them, and audio and image tokens that were cached are parts of both.
        "input_tokens": pl.Int64(),
        "cached_input_tokens": pl.Int64(),  # read from a prompt cache
        "cache_write_tokens": pl.Int64(),  # written to one
        "audio_input_tokens": pl.Int64(),
        "cached_audio_input_tokens": pl.Int64(),
        "image_input_tokens": pl.Int64(),
        "video_input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "reasoning_tokens": pl.Int64(),
        "audio_output_tokens": pl.Int64(),
        "image_output_tokens": pl.Int64(),
        "audio_seconds": pl.Float64(),  # of speech that came in
        "output_audio_seconds": pl.Float64(),  # of speech that was made
        "characters": pl.Int64(),  # of text that was spoken
        "images": pl.Int64(),  # that came in
        "megapixels": pl.Float64(),  # of these, where their sizes are recorded
        "pages": pl.Int64(),  # of documents that came in
        "output_images": pl.Int64(),
        "cost_usd": pl.Float64(),  # as reported by the emitter; null when it says nothing
        "assessments": pl.List(ASSESSMENT),  # null when nothing is said
    }
)

#: A bug report: what somebody says of a request, and how to find it.
BUG_REPORT: Final = pl.Schema(
    {
        "report_id": pl.String(),
        "reported_unix_nano": pl.Int64(),  # when it went wrong, as far as it is told
        "said": pl.String(),  # what the report says
        "target": pl.String(),  # an id of any kind
        "span_id": pl.String(),  # of the request that the target meant when it was reported
        "session_id": pl.String(),  # with the time, another way to find the request
        "corrected_text": pl.String(),  # what the user had really said
        "status": pl.String(),
        "expected_text": pl.String(),  # what should have been answered
    }
)

#: One candidate of a verdict, best first in the list.
CANDIDATE: Final = pl.Struct(
    {
        "stage": pl.String(),
        "boundary": pl.String(),
        "cause": pl.String(),
        "score": pl.Float64(),
    }
)

#: One thing that a check saw.
EVIDENCE: Final = pl.Struct(
    {
        "check": pl.String(),
        "at": pl.String(),  # the stage or boundary that was looked at
        "result": pl.String(),  # fails, passes, no_data, not_expected
        "span_id": pl.String(),
        "attribute": pl.String(),
        "value": pl.String(),
        "needed": pl.String(),
        "sentence": pl.String(),
    }
)

#: One logical call of a stage: attempts folded together.
STAGE_RUN: Final = pl.Struct(
    {
        "exchange": pl.Int32(),  # 0-based utterance within the request
        "stage": pl.String(),  # transcription, reasoning, synthesis, or tool
        "name": pl.String(),
        "span_id": pl.String(),
        "model": pl.String(),
        "start_unix_nano": pl.Int64(),
        "end_unix_nano": pl.Int64(),
        "outcome": pl.String(),
        "attempts": pl.Int32(),
    }
)

#: What kind of request it is, and what it tells of its service, whatever the profiles say.
SHAPE: Final = pl.Struct(
    {
        "profile": pl.String(),  # key of the profile that it is judged by; null without a service
        "role": pl.String(),  # what stands for it: turn, user_turn, agent_turn, trace
        "heard": pl.Boolean(),  # a trace: whether speech surely came in; null for turns
        "timed_out": pl.Boolean(),  # the application's own deadline struck
        "healthy": pl.Boolean(),  # whole, and nothing is wrong with it but a stage that is absent
        "ran": pl.List(pl.String()),  # stages that ran, sorted
        "due": pl.List(pl.String()),  # those, and the one whose turn had come when it ended well
        "took_ms": pl.Struct(
            {stage: pl.Float64() for stage in STAGES}
        ),  # null for what did not run
    }
)

#: What a service's requests of one kind usually have, one row per stage.
PROFILE: Final = pl.Schema(
    {
        "service": pl.String(),
        "role": pl.String(),
        "emitter": pl.String(),
        "heard": pl.Boolean(),
        "stage": pl.String(),
        "requests": pl.Int64(),  # in which the stage's turn came
        "ran": pl.Int64(),  # of these, those that ran it
        "days": pl.Int64(),  # calendar days (UTC) on which they began
        "p50_ms": pl.Float64(),  # how long the stage took in healthy requests
        "p95_ms": pl.Float64(),
        "expected": pl.Boolean(),  # null where the policy decides
    }
)

#: What usage is counted by, each with the field of `cost_by_content` that it pays for. Of tokens
#: these are disjoint: `input_tokens` are those of text that no cache held, `cached_input_tokens`
#: those of text that one did, `output_tokens` those of text, reasoning included unless it is
#: charged at a rate of its own.
UNITS: Final[dict[str, str]] = {
    "input_tokens": "text_in",
    "cached_input_tokens": "text_in",
    "cache_write_tokens": "text_in",
    "audio_input_tokens": "audio_in",
    "cached_audio_input_tokens": "audio_in",
    "image_input_tokens": "image_in",
    "video_input_tokens": "video_in",
    "output_tokens": "text_out",
    "reasoning_tokens": "text_out",
    "audio_output_tokens": "audio_out",
    "image_output_tokens": "image_out",
    "audio_seconds": "audio_in",
    "output_audio_seconds": "audio_out",
    "characters": "audio_out",
    "images": "image_in",
    "pages": "document_in",
    "output_images": "image_out",
}

#: What was used of one unit in one span, and what it cost. Items of a request add up to its cost.
COST_ITEM: Final = pl.Struct(
    {
        "span_id": pl.String(),
        "stage": pl.String(),  # transcription, reasoning, synthesis, tool
        "model": pl.String(),
        "unit": pl.String(),  # of `UNITS`; `call` for a cost that cannot be split; null where
        # a model was called and nothing tells how much of it was used
        "content": pl.String(),  # a field of `cost_by_content`
        "quantity": pl.Float64(),
        "unit_usd": pl.Float64(),  # per one of the unit; null without a price
        "cost_usd": pl.Float64(),  # null without a price, never 0 for it
        "source": pl.String(),  # emitter, genai-prices, tracelens, policy; null without a price
    }
)

#: Cost by what was paid for; `other` is what nobody split, such as a recorded total.
CONTENTS: Final = (
    *("text_in", "text_out", "audio_in", "audio_out", "image_in", "image_out", "video_in"),
    *("document_in", "other"),
)

#: How large what came in and went out was; null where it is not recorded.
SIZES: Final = pl.Struct(
    {
        "audio_seconds": pl.Float64(),
        "output_audio_seconds": pl.Float64(),
        "characters": pl.Int64(),
        "images": pl.Int64(),
        "megapixels": pl.Float64(),
        "pages": pl.Int64(),
        "input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "audio_input_tokens": pl.Int64(),
        "image_input_tokens": pl.Int64(),
    }
)

#: Where time on the critical path can be spent.
PATH_STAGES: Final = (*STAGES, "tool", "residual")

#: The way to the first audio (or token), each part from the end of the one before, in ms.
CHAIN: Final = ("transcript", "first_token", "first_audio")

#: A budget that a request went over.
BREACH: Final = pl.Struct(
    {
        "metric": pl.String(),  # latency, cost, ttfa
        "stage": pl.String(),  # or, of ttfa, the part of the chain; null: the whole request
        "value": pl.Float64(),  # ms or US dollars
        "limit": pl.Float64(),
    }
)

OUTCOME: Final = pl.Struct({"at": pl.String(), "outcome": pl.String()})

MODELS: Final = pl.Struct({stage: pl.List(pl.String()) for stage in STAGES})

#: One row per request: the contract's fields, and the nested rows that the views unfold.
REQUEST: Final = pl.Schema(
    {
        "request_id": pl.String(),
        "external_request_id": pl.String(),
        "trace_id": pl.String(),
        "request_span_id": pl.String(),
        "span_ids": pl.List(pl.String()),
        "session_id": pl.String(),
        "user_id": pl.String(),
        "service": pl.String(),
        "emitter": pl.String(),
        "turn_number": pl.Int64(),
        "start_unix_nano": pl.Int64(),
        "duration_ms": pl.Float64(),
        "ttfa_ms": pl.Float64(),
        "ttft_ms": pl.Float64(),
        "input_modalities": pl.List(pl.String()),
        "output_modalities": pl.List(pl.String()),
        "models": MODELS,
        "cost_usd": pl.Float64(),
        "cost_is_lower_bound": pl.Boolean(),
        "cost_unpriced_spans": pl.Int64(),
        "cost_items": pl.List(COST_ITEM),
        "cost_by_stage": pl.Struct({stage: pl.Float64() for stage in (*STAGES, "tool")}),
        "cost_by_content": pl.Struct({content: pl.Float64() for content in CONTENTS}),
        "sizes": SIZES,
        "path_ms": pl.Struct({stage: pl.Float64() for stage in PATH_STAGES}),
        "chain_ms": pl.Struct({part: pl.Float64() for part in CHAIN}),
        "breaches": pl.List(BREACH),
        "failed": pl.Boolean(),
        "stage": pl.String(),
        "boundary": pl.String(),
        "cause": pl.String(),
        "confidence": pl.Float64(),
        "stale": pl.Boolean(),
        "candidates": pl.List(CANDIDATE),
        "evidence": pl.List(EVIDENCE),
        "verdict": pl.String(),
        "notes": pl.List(pl.String()),  # what is odd about its spans or their tree
        "outcomes": pl.List(OUTCOME),
        "stage_runs": pl.List(STAGE_RUN),
        "shape": SHAPE,
        "inputs_hash": pl.String(),  # policy, mappings, prices and profile that judged it
    }
)
