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
    cost_items,
    cost_by_stage,
    cost_by_content,
    sizes,
    path_ms,
    chain_ms,
    breaches,
    failed,
    stage,
    boundary,
    cause,
    confidence,
    coalesce(inputs_hash <> coalesce(in_force.hash, (select hash from live.in_force where profile = '')), false) as stale,
    candidates,
    evidence,
    verdict,
    notes,
    outcomes,
    stage_runs,
    shape,
    inputs_hash,
    generation as load
from live.requests
left join live.in_force on in_force.profile = shape.profile;

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
comment on column requests.cost_items is 'what the cost is made of: [{span_id, stage, model, unit, content, quantity, unit_usd, cost_usd, source}]; a unit without a price has a cost of null';
comment on column requests.cost_by_stage is 'cost in US dollars by stage: {transcription, reasoning, synthesis, tool}; null where nothing was priced';
comment on column requests.cost_by_content is 'cost in US dollars by what was paid for: {text_in, text_out, audio_in, audio_out, image_in, image_out, video_in, document_in, other}; other is what no emitter or price splits';
comment on column requests.sizes is 'how large its input and output were: {audio_seconds, output_audio_seconds, characters (spoken), images, megapixels, pages, input_tokens, output_tokens, audio_input_tokens, image_input_tokens}; null where not recorded';
comment on column requests.path_ms is 'milliseconds of the critical path by stage: {transcription, reasoning, synthesis, tool, residual}; they add up to duration_ms';
comment on column requests.chain_ms is 'the way to the first audio in milliseconds, each part from the end of the one before: {transcript (from the end of speech), first_token, first_audio}; null where not recorded';
comment on column requests.breaches is 'budgets of the policy that it went over: [{metric, stage, value, limit}]';
comment on column requests.failed is 'whether the request failed; null when it cannot be told';
comment on column requests.stage is 'stage that broke it: transcription, reasoning, synthesis, external or undetermined; null when not failed';
comment on column requests.boundary is 'where content was lost or altered between two sides; null when a stage failed inside';
comment on column requests.cause is 'what went wrong, for example stt_empty';
comment on column requests.confidence is '0 to 1, calibrated: how likely the first candidate is right; null where it names no stage';
comment on column requests.stale is 'whether another policy, mapping or profile judged it than is in force since the last ingest or locate; `tracelens locate` judges it anew';
comment on column requests.candidates is 'ranked suspects: [{stage, boundary, cause, score}]; unfolded in view candidates';
comment on column requests.evidence is 'what the checks saw: [{check, result, span_id, attribute, value, needed, sentence}]; unfolded in view evidence';
comment on column requests.verdict is 'the verdict in one sentence';
comment on column requests.notes is 'what is odd about its spans: what spans.notes says of them, and bad_cost (negative or no number, and not added up), clock_skew (a span starts before its parent), cycle, duplicate_id (sent with two contents), missing_parent, several_roots, zero_duration, trace_too_large (not judged)';
comment on column requests.outcomes is 'outcome of every stage and boundary: [{at, outcome}]';
comment on column requests.stage_runs is 'one per logical call of a stage; unfolded in view stage_runs';
comment on column requests.shape is 'what kind of request it is, for the view profiles: {profile (key), role (turn, user_turn, agent_turn or trace), heard (a trace: speech surely came in), timed_out, healthy (nothing is wrong but a stage that is absent), ran, due (ran, or its turn had come), took_ms}';
comment on column requests.inputs_hash is 'hash of the policy, mappings, prices and profile that judged it';
comment on column requests.load is 'generation of the load that judged it';
