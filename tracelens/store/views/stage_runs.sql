-- One row per logical call of a stage within a request, its attempts folded together.
create or replace view stage_runs as
select
    request_id,
    trace_id,
    item.exchange,
    item.stage,
    item.name,
    item.span_id,
    item.model,
    make_timestamp_ns(item.start_unix_nano) as start_time,
    (item.end_unix_nano::hugeint - item.start_unix_nano) / 1e6 as duration_ms,
    item.start_unix_nano,
    item.end_unix_nano,
    item.outcome,
    item.attempts
from (select request_id, trace_id, unnest(stage_runs) as item from live.requests);

comment on column stage_runs.request_id is 'request that it belongs to';
comment on column stage_runs.trace_id is 'trace that the request belongs to';
comment on column stage_runs.exchange is 'utterance within the request, from 0';
comment on column stage_runs.stage is 'transcription, reasoning, synthesis or tool';
comment on column stage_runs.name is 'name of the span';
comment on column stage_runs.span_id is 'span of the attempt that counts';
comment on column stage_runs.model is 'model that did the work';
comment on column stage_runs.start_time is 'when it started, UTC';
comment on column stage_runs.duration_ms is 'end minus start, in milliseconds; null when either is unknown';
comment on column stage_runs.start_unix_nano is 'when it started, in ns since 1970';
comment on column stage_runs.end_unix_nano is 'when it ended, in ns since 1970';
comment on column stage_runs.outcome is 'ok, failed, degraded, inherited, missing, cancelled, not_recorded or not_expected';
comment on column stage_runs.attempts is 'how many attempts were made';
