-- Only sqlite: it has no writing common table expressions, so that each table takes a statement.
insert into events (task_id, first_seq, at, facts)
select unhex(value ->> 'task_id'), value ->> 'first_seq', value ->> 'at', value ->> 'facts' from jsonb_each(?1)
