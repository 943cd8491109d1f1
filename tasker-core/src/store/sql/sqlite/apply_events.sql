-- Only sqlite: it has no writing common table expressions, so that each table takes a statement. See apply_tasks.
-- $4: the events; those that another has written already are counted as missing.
insert into events (task_id, first_seq, at, facts, position)
select
    unhex(value ->> 'task_id'), value ->> 'first_seq', value ->> 'at', value ->> 'facts',
    (select coalesce(max(position), 0) from events) + key + 1
from jsonb_each($4)
where true
on conflict (task_id, first_seq) do nothing
