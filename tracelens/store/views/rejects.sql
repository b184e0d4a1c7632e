-- One row per record that was refused; per input the first ones, the count is in loads.
create or replace view rejects as
select
    generation,
    number,
    loads.report ->> '/path' as path,
    "at",
    reason,
    excerpt
from live.rejects
left join live.loads using (generation, number);

comment on column rejects.generation is 'number of the commit';
comment on column rejects.number is 'number of the input within the commit';
comment on column rejects.path is 'input as it was named';
comment on column rejects."at" is 'where in the input; a keyword of SQL, so it needs quotes';
comment on column rejects.reason is 'why it was refused';
comment on column rejects.excerpt is 'how the record begins';
