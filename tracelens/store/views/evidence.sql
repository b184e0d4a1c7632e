-- One row per thing that a check saw in a request.
create or replace view evidence as
select
    request_id,
    trace_id,
    item."check",
    item.at,
    item.result,
    item.span_id,
    item.attribute,
    item.value,
    item.needed,
    item.sentence
from (select request_id, trace_id, unnest(evidence) as item from live.requests);

comment on column evidence.request_id is 'request that it belongs to';
comment on column evidence.trace_id is 'trace that the request belongs to';
comment on column evidence."check" is 'check that looked; a keyword of SQL, so it needs quotes';
comment on column evidence.at is 'stage or boundary that it looked at';
comment on column evidence.result is 'fails, passes, no_data or not_expected';
comment on column evidence.span_id is 'span that it looked at';
comment on column evidence.attribute is 'attribute that it looked at';
comment on column evidence.value is 'what it found';
comment on column evidence.needed is 'what it needed to find';
comment on column evidence.sentence is 'the finding in words';
