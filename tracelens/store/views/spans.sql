-- One row per span, as recorded and as its emitter's mapping reads it.
-- The mark at the end stands for the promoted columns of all live segments, each with a comma.
create or replace view spans as
select
    trace_id,
    span_id,
    parent_span_id,
    name,
    kind,
    make_timestamp_ns(start_unix_nano) as start_time,
    make_timestamp_ns(end_unix_nano) as end_time,
    (end_unix_nano::hugeint - start_unix_nano) / 1e6 as duration_ms,
    start_unix_nano,
    end_unix_nano,
    status_code,
    status_message,
    trace_state,
    flags,
    service,
    scope_name,
    scope_version,
    resource_attrs,
    scope_attrs,
    attrs,
    attrs_big,
    events,
    links,
    dropped,
    exception_type,
    exception_message,
    exception_unix_nano,
    notes,
    emitter,
    role,
    turn_based,
    stage,
    stage_by,
    speech_to_speech,
    operation,
    model,
    provider,
    tool_name,
    text_in,
    text_out,
    context_in,
    text_in_attribute,
    text_out_attribute,
    tool_calls,
    bad_tool_arguments,
    tool_failure,
    tool_results,
    input_modalities,
    output_modalities,
    session_id,
    user_id,
    external_request_id,
    turn_number,
    finish_reason,
    error_type,
    http_status,
    interrupted,
    sign,
    sign_cause,
    sign_attribute,
    sign_sentence,
    ttfb_ms,
    ttft_ms,
    input_tokens,
    cached_input_tokens,
    cache_write_tokens,
    audio_input_tokens,
    cached_audio_input_tokens,
    image_input_tokens,
    video_input_tokens,
    output_tokens,
    reasoning_tokens,
    audio_output_tokens,
    image_output_tokens,
    audio_seconds,
    output_audio_seconds,
    characters,
    images,
    megapixels,
    pages,
    output_images,
    cost_usd,
    assessments,
    generation as load
    /* promoted columns */
from live.spans;

comment on column spans.trace_id is 'trace that the span belongs to: 32 hex digits';
comment on column spans.span_id is 'id of the span: 16 hex digits; two rows share it when it was sent with two contents';
comment on column spans.parent_span_id is 'id of the span that this one is part of; null for a root';
comment on column spans.name is 'name as recorded';
comment on column spans.kind is 'OTLP span kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer';
comment on column spans.start_time is 'when it started, UTC';
comment on column spans.end_time is 'when it ended, UTC; null when it was never finished';
comment on column spans.duration_ms is 'end minus start, in milliseconds; null when either is unknown';
comment on column spans.start_unix_nano is 'when it started, in ns since 1970';
comment on column spans.end_unix_nano is 'when it ended, in ns since 1970; null when it was never finished';
comment on column spans.status_code is 'OTLP status: 0 unset, 1 ok, 2 error';
comment on column spans.status_message is 'what the emitter said with the status';
comment on column spans.trace_state is 'W3C trace state as recorded';
comment on column spans.flags is 'OTLP span flags as recorded';
comment on column spans.service is 'resource attribute service.name';
comment on column spans.scope_name is 'instrumentation scope that made the span';
comment on column spans.scope_version is 'version of the instrumentation scope';
comment on column spans.resource_attrs is 'resource attributes: a JSON object';
comment on column spans.scope_attrs is 'attributes of the scope: a JSON object; null without any';
comment on column spans.attrs is 'attributes with values of up to 256 bytes: a JSON object';
comment on column spans.attrs_big is 'attributes with longer values: a JSON object; null without any';
comment on column spans.events is 'events: a JSON list of {name, time_unix_nano, attributes}';
comment on column spans.links is 'links: a JSON list of {trace_id, span_id, attributes}';
comment on column spans.dropped is 'how much the emitter itself dropped, by OTLP field: a JSON object; null without any';
comment on column spans.exception_type is 'type of the last recorded exception';
comment on column spans.exception_message is 'message of the last recorded exception';
comment on column spans.exception_unix_nano is 'when the last exception was recorded, in ns since 1970';
comment on column spans.notes is 'what was odd about the record, for example unfinished, or bad_usage (a count is negative or impossible, and left out)';
comment on column spans.emitter is 'mapping that read the span; null when none claims it';
comment on column spans.role is 'what the span is for: session, turn, user_turn, agent_turn, tool, wrapper, playout; or null';
comment on column spans.turn_based is 'whether requests are turns inside the trace, not the trace itself';
comment on column spans.stage is 'transcription, reasoning or synthesis; null for other work';
comment on column spans.stage_by is 'what told the stage: mapping, or the kind of policy rule';
comment on column spans.speech_to_speech is 'whether one call does all three stages';
comment on column spans.operation is 'what the emitter calls the operation';
comment on column spans.model is 'model that did the work';
comment on column spans.provider is 'who serves the model';
comment on column spans.tool_name is 'tool that was called';
comment on column spans.text_in is 'what the stage received; null when not recorded, empty when it was empty';
comment on column spans.text_out is 'what the stage emitted; null when not recorded, empty when it was empty';
comment on column spans.context_in is 'reasoning: everything of this turn that the model was given';
comment on column spans.text_in_attribute is 'attribute that text_in was read from';
comment on column spans.text_out_attribute is 'attribute that text_out was read from';
comment on column spans.tool_calls is 'reasoning: how many tool calls the model asked for; null when not recorded';
comment on column spans.bad_tool_arguments is 'reasoning: the first tool arguments that do not parse';
comment on column spans.tool_failure is 'a tool''s failure as the model was told it';
comment on column spans.tool_results is 'of a tool what it returned; of a model call the results of this turn that it was given, a JSON list of texts';
comment on column spans.input_modalities is 'kinds of content that came in: text, audio, image, video, document';
comment on column spans.output_modalities is 'kinds of content that went out: text, audio, image, video, document';
comment on column spans.session_id is 'conversation that the span belongs to';
comment on column spans.user_id is 'user as the emitter names them';
comment on column spans.external_request_id is 'the emitter''s own id for the request; not unique';
comment on column spans.turn_number is 'number of the turn within its conversation, as recorded';
comment on column spans.finish_reason is 'why the model stopped, as recorded';
comment on column spans.error_type is 'kind of error, as recorded';
comment on column spans.http_status is 'HTTP status of the call';
comment on column spans.interrupted is 'whether the user cut it short';
comment on column spans.sign is 'outcome that the emitter''s own signs give: ok, failed, empty, cancelled';
comment on column spans.sign_cause is 'cause that the sign points to';
comment on column spans.sign_attribute is 'attribute that the sign was read from';
comment on column spans.sign_sentence is 'the sign in words';
comment on column spans.ttfb_ms is 'time to the first byte, in milliseconds';
comment on column spans.ttft_ms is 'time to the first token, in milliseconds';
comment on column spans.input_tokens is 'tokens that went in, cached ones included';
comment on column spans.cached_input_tokens is 'tokens that went in and were served from a cache';
comment on column spans.cache_write_tokens is 'tokens that went in and were written to a cache';
comment on column spans.audio_input_tokens is 'audio tokens that went in';
comment on column spans.cached_audio_input_tokens is 'audio tokens that went in and were served from a cache';
comment on column spans.image_input_tokens is 'image tokens that went in';
comment on column spans.video_input_tokens is 'video tokens that went in';
comment on column spans.output_tokens is 'tokens that came out, those spent on thinking included';
comment on column spans.reasoning_tokens is 'tokens spent on thinking';
comment on column spans.audio_output_tokens is 'audio tokens that came out';
comment on column spans.image_output_tokens is 'image tokens that came out';
comment on column spans.audio_seconds is 'seconds of speech that came in';
comment on column spans.output_audio_seconds is 'seconds of speech that was made';
comment on column spans.characters is 'characters that were spoken';
comment on column spans.images is 'images that came in';
comment on column spans.megapixels is 'size of the images that came in, in millions of pixels; null when not recorded';
comment on column spans.pages is 'pages of the documents that came in';
comment on column spans.output_images is 'images that were made';
comment on column spans.cost_usd is 'cost in US dollars as the emitter reported it; null when it says nothing';
comment on column spans.assessments is 'what evaluations, feedback and expectations on it say: kind, about (span, parent, request), name, label, score, text, attribute, unix_nano; null when nothing';
comment on column spans.load is 'generation of the load that stored the span';
