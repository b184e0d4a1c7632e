-- One row per stage of each kind of request of a service: what its requests usually have, as `tracelens locate` learned it last.
create or replace view profiles as
select
    service,
    role,
    emitter,
    heard,
    stage,
    requests,
    ran,
    ran / requests as share,
    days,
    p50_ms,
    p95_ms,
    expected,
    generation as load
from live.profiles;

comment on column profiles.service is 'service whose requests these are';
comment on column profiles.role is 'what stands for such a request: turn, user_turn, agent_turn or trace';
comment on column profiles.emitter is 'mapping that read them';
comment on column profiles.heard is 'traces: whether speech surely came in; null for turns';
comment on column profiles.stage is 'transcription, reasoning or synthesis';
comment on column profiles.requests is 'requests in which the turn of this stage came';
comment on column profiles.ran is 'those of them that ran it';
comment on column profiles.share is 'ran per requests, 0 to 1';
comment on column profiles.days is 'calendar days (UTC) on which these requests began';
comment on column profiles.p50_ms is 'how long the stage took in the middle one of the healthy requests, in milliseconds; null below profile.requests of them';
comment on column profiles.p95_ms is 'what 95 % of the healthy requests stayed within: the budget of the stage when a deadline strikes';
comment on column profiles.expected is 'whether such a request should run the stage; null where [[expect]] decides';
comment on column profiles.load is 'generation of the commit that learned it';
