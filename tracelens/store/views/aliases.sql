-- One row per earlier id of a request that a late root renamed.
create or replace view aliases as
select request_id, new_request_id
from live.aliases;

comment on column aliases.request_id is 'earlier id';
comment on column aliases.new_request_id is 'id that the request has now';
