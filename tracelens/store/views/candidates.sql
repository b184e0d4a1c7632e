-- One row per suspect of a failed request, best first.
create or replace view candidates as
select
    request_id,
    trace_id,
    rank,
    item.stage,
    item.boundary,
    item.cause,
    item.score
from (select request_id, trace_id, unnest(candidates) as item, generate_subscripts(candidates, 1) as rank from live.requests);

comment on column candidates.request_id is 'request that it belongs to';
comment on column candidates.trace_id is 'trace that the request belongs to';
comment on column candidates.rank is '1 for the verdict itself';
comment on column candidates.stage is 'suspected stage';
comment on column candidates.boundary is 'suspected boundary; null when the stage failed inside';
comment on column candidates.cause is 'suspected cause';
comment on column candidates.score is 'weight of the evidence; higher is likelier';
