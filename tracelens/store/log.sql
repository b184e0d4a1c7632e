-- The commit log. A row that is not here does not exist, whatever files lie in the folder.

create table meta (key text primary key, value not null) without rowid;

-- A Parquet file. `gone` is when a compaction replaced it (unix seconds); live ones have none.
create table segments (
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
create table segment_keys (
    segment text not null,
    kind text not null,
    keys blob not null,
    primary key (segment, kind)
);

-- Request rows of a trace that are older than its generation are dead.
create table tombstones (trace_id text primary key, generation integer not null) without rowid;

-- A part of an input, by the commit that stored it and its number there: small inputs share a
-- commit. The sha256 counts as known once a `final` part has it.
create table loads (
    generation integer not null,
    number integer not null,
    committed_unix_nano integer not null,
    sha256 text,
    final integer not null,
    report text not null,
    primary key (generation, number)
);
create index loads_by_sha256 on loads (sha256);

create table rejects (
    generation integer not null,
    number integer not null,
    at text,
    reason text,
    excerpt text
);
create index rejects_by_generation on rejects (generation);

-- Earlier ids of requests, kept so that an id once shown to somebody still resolves.
create table aliases (request_id text primary key, new_request_id text not null) without rowid;
create index aliases_by_new on aliases (new_request_id);
