-- The commit log. A row that is not here does not exist, whatever files lie in the folder.
-- Every writer runs this, so a log from before a table existed gets it.

create table if not exists meta (key text primary key, value not null) without rowid;

-- A Parquet file. `gone` is when a compaction replaced it (unix seconds); live ones have none.
create table if not exists segments (
    name text primary key,
    kind text not null,
    generation integer not null,
    rows integer not null,
    bytes integer not null,
    first_start integer,
    last_start integer,
    null_starts integer not null,
    columns text not null,
    gone real
) without rowid;

-- The ids of a segment by kind: distinct keys of fixed width, ascending. A lookup searches them to
-- find the few files that it has to open. They outlive a replaced segment as its file does.
create table if not exists segment_keys (
    segment text not null,
    kind text not null,
    keys blob not null,
    primary key (segment, kind)
);

-- SHA-256 of the file of a segment, in hex: most damage decodes without an error. Segments from
-- before this table existed have none.
create table if not exists checksums (
    segment text primary key,
    sha256 text not null
) without rowid;

-- Request rows of a trace that are older than its generation are dead.
create table if not exists tombstones (trace_id text primary key, generation integer not null) without rowid;

-- A part of an input, by the commit that stored it and its number there: small inputs share a
-- commit. The sha256 counts as known once a `final` part has it.
create table if not exists loads (
    generation integer not null,
    number integer not null,
    committed_unix_nano integer not null,
    sha256 text,
    final integer not null,
    report text not null,
    primary key (generation, number)
);
create index if not exists loads_by_sha256 on loads (sha256);

create table if not exists rejects (
    generation integer not null,
    number integer not null,
    at text,
    reason text,
    excerpt text
);
create index if not exists rejects_by_generation on rejects (generation);

-- What people report of requests, and how to find them; times in unix ns.
create table if not exists bug_reports (
    report_id text primary key,
    reported_unix_nano integer,
    said text,
    target text,
    span_id text,
    session_id text,
    corrected_text text,
    status text not null,
    expected_text text
) without rowid;

-- What the requests of a service usually have, by kind of request and stage: learned from all of
-- them by one commit, which replaces every row.
create table if not exists profiles (
    service text not null,
    role text not null,
    emitter text,
    heard integer,
    stage text not null,
    requests integer not null,
    ran integer not null,
    days integer not null,
    p50_ms real,
    p95_ms real,
    expected integer,
    generation integer not null
);

-- The inputs_hash that a request judged now would get, by the key of its profile; the empty key
-- stands for all that have none. A request row with another one is stale.
create table if not exists in_force (profile text primary key, hash text not null) without rowid;

-- Earlier ids of requests, kept so that an id once shown to somebody still resolves.
create table if not exists aliases (request_id text primary key, new_request_id text not null) without rowid;
create index if not exists aliases_by_new on aliases (new_request_id);
