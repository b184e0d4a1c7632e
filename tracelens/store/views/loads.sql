-- One row per input, or part of a large one, with its load report.
create or replace view loads as
select
    generation,
    number,
    make_timestamp_ns(committed_unix_nano) as committed_at,
    report ->> '/path' as path,
    sha256,
    final,
    report ->> '/status' as status,
    report ->> '/format' as format,
    try_cast(report ->> '/bytes' as bigint) as bytes,
    try_cast(report ->> '/spans_read' as bigint) as spans_read,
    try_cast(report ->> '/spans_stored' as bigint) as spans_stored,
    try_cast(report ->> '/spans_duplicate' as bigint) as spans_duplicate,
    try_cast(report ->> '/spans_merged' as bigint) as spans_merged,
    try_cast(report ->> '/spans_rejected' as bigint) as spans_rejected,
    try_cast(report ->> '/records_rejected' as bigint) as records_rejected,
    try_cast(report ->> '/requests_touched' as bigint) as requests_touched,
    try_cast(report ->> '/traces_touched' as bigint) as traces_touched,
    report
from live.loads;

comment on column loads.generation is 'number of the commit';
comment on column loads.number is 'number of the input within the commit: small inputs share one';
comment on column loads.committed_at is 'when it was committed, UTC';
comment on column loads.path is 'input as it was named';
comment on column loads.sha256 is 'SHA-256 of the decompressed input; null before its last part';
comment on column loads.final is 'whether this was the last part of its input';
comment on column loads.status is 'loaded, loaded_before, partly_loaded or refused';
comment on column loads.format is 'format that was recognised';
comment on column loads.bytes is 'decompressed bytes that were read';
comment on column loads.spans_read is 'spans in the input';
comment on column loads.spans_stored is 'spans that were new';
comment on column loads.spans_duplicate is 'spans that the store had already';
comment on column loads.spans_merged is 'spans that were merged into others';
comment on column loads.spans_rejected is 'spans that were refused';
comment on column loads.records_rejected is 'records that could not be decoded';
comment on column loads.requests_touched is 'requests that were judged anew';
comment on column loads.traces_touched is 'traces that got new spans';
comment on column loads.report is 'the whole load report: a JSON object';
