-- One row per boundary of a request, where content passes between two sides.
create or replace view boundaries as
select
    request_id,
    trace_id,
    item."at" as boundary,
    item.outcome
from (select request_id, trace_id, unnest(outcomes) as item from live.requests)
where contains(item."at", '>');

comment on column boundaries.request_id is 'request that it belongs to';
comment on column boundaries.trace_id is 'trace that the request belongs to';
comment on column boundaries.boundary is 'the two sides, for example transcription>reasoning';
comment on column boundaries.outcome is 'ok, failed, degraded, inherited, missing, cancelled, not_recorded or not_expected';
