insert into events (task_id, first_seq, at, facts)
select unhex(value ->> 'task_id'), value ->> 'first_seq', value ->> 'at', value ->> 'facts' from jsonb_each(?1)
