-- One row per bug report: what somebody says of a request, and how it is found.
create or replace view bug_reports as
select
    report_id,
    make_timestamp_ns(reported_unix_nano) as reported_at,
    reported_unix_nano,
    said,
    target,
    span_id,
    session_id,
    corrected_text,
    status,
    expected_text
from live.bug_reports;

comment on column bug_reports.report_id is 'id of the report, as it was given';
comment on column bug_reports.reported_at is 'when it went wrong, UTC, as far as it is told';
comment on column bug_reports.reported_unix_nano is 'the same in unix nanoseconds';
comment on column bug_reports.said is 'what the report says';
comment on column bug_reports.target is 'the id that it names, of any kind';
comment on column bug_reports.span_id is 'span of the request that this id meant when it was reported';
comment on column bug_reports.session_id is 'session in which to look at that time, where no id is named';
comment on column bug_reports.corrected_text is 'what the user had really said';
comment on column bug_reports.status is 'open, closed, or a word of your own';
comment on column bug_reports.expected_text is 'what should have been answered';
