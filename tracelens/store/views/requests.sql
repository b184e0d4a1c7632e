-- One row per request, with its verdict when it failed.
create or replace view requests as
select
    request_id,
    external_request_id,
    trace_id,
    request_span_id,
    span_ids,
    session_id,
    user_id,
    service,
    emitter,
    turn_number,
    make_timestamp_ns(start_unix_nano) as started_at,
    start_unix_nano,
    duration_ms,
    ttfa_ms,
    ttft_ms,
    input_modalities,
    output_modalities,
    models,
    cost_usd,
    cost_is_lower_bound,
    cost_unpriced_spans,
    failed,
    stage,
    boundary,
    cause,
    confidence,
    stale,
    candidates,
    evidence,
    verdict,
    notes,
    outcomes,
    stage_runs,
    inputs_hash,
    generation as load
from live.requests;

comment on column requests.request_id is 'our id: the first 32 hex digits of SHA-256 over trace id and request span id';
comment on column requests.external_request_id is 'the emitter''s own id for the request; not unique';
comment on column requests.trace_id is 'trace that the request belongs to';
comment on column requests.request_span_id is 'span that stands for the request: a turn, or a trace root';
comment on column requests.span_ids is 'every span that belongs to the request';
comment on column requests.session_id is 'conversation that the request belongs to';
comment on column requests.user_id is 'user as the emitter names them';
comment on column requests.service is 'service that answered';
comment on column requests.emitter is 'mapping that read the request, for example pipecat';
comment on column requests.turn_number is 'number of the turn within its conversation';
comment on column requests.started_at is 'when it started, UTC';
comment on column requests.start_unix_nano is 'when it started, in ns since 1970';
comment on column requests.duration_ms is 'how long it took, in milliseconds';
comment on column requests.ttfa_ms is 'time to the first audio, in milliseconds; null when not recorded';
comment on column requests.ttft_ms is 'time to the first token, in milliseconds; null when not recorded';
comment on column requests.input_modalities is 'kinds of content that came in, sorted: text, audio, image, video, document';
comment on column requests.output_modalities is 'kinds of content that went out, sorted';
comment on column requests.models is 'models by stage: {transcription, reasoning, synthesis}; fallbacks make lists';
comment on column requests.cost_usd is 'cost in US dollars over the priced units; null when nothing was priced';
comment on column requests.cost_is_lower_bound is 'whether something was used that has no price';
comment on column requests.cost_unpriced_spans is 'how many spans used something that has no price';
comment on column requests.failed is 'whether the request failed; null when it cannot be told';
comment on column requests.stage is 'stage that broke it: transcription, reasoning, synthesis, external or undetermined; null when not failed';
comment on column requests.boundary is 'where content was lost or altered between two sides; null when a stage failed inside';
comment on column requests.cause is 'what went wrong, for example stt_empty';
comment on column requests.confidence is '0 to 1, calibrated: how likely the first candidate is right; null where it names no stage';
comment on column requests.stale is 'whether an older policy or profile judged it';
comment on column requests.candidates is 'ranked suspects: [{stage, boundary, cause, score}]; unfolded in view candidates';
comment on column requests.evidence is 'what the checks saw: [{check, result, span_id, attribute, value, needed, sentence}]; unfolded in view evidence';
comment on column requests.verdict is 'the verdict in one sentence';
comment on column requests.notes is 'what is odd about its spans: what spans.notes says of them, and bad_cost (negative or no number, and not added up), clock_skew (a span starts before its parent), cycle, duplicate_id (sent with two contents), missing_parent, several_roots, zero_duration, trace_too_large (not judged)';
comment on column requests.outcomes is 'outcome of every stage and boundary: [{at, outcome}]';
comment on column requests.stage_runs is 'one per logical call of a stage; unfolded in view stage_runs';
comment on column requests.inputs_hash is 'hash of the policy and mappings that judged it';
comment on column requests.load is 'generation of the load that judged it';
