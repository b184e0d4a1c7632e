-- One row per link from a span to another; by linked_span_id, what links to a span.
create or replace view links as
select
    trace_id,
    span_id,
    item ->> '/trace_id' as linked_trace_id,
    item ->> '/span_id' as linked_span_id,
    item ->> '/trace_state' as trace_state,
    item -> '/attributes' as attributes
from (
    select trace_id, span_id, unnest(from_json(links, '["json"]')) as item
    from live.spans where links <> '[]'
);

comment on column links.trace_id is 'trace of the span that has the link';
comment on column links.span_id is 'span that has the link';
comment on column links.linked_trace_id is 'trace that it leads to, whether that is in the store or not';
comment on column links.linked_span_id is 'span that it leads to, whether that is in the store or not';
comment on column links.trace_state is 'W3C trace state of the link; null without one';
comment on column links.attributes is 'attributes of the link: a JSON object';
