-- The log of all tasks from a position ($1, $2) on and before its end ($4), which was read before: at most $3 rows.
select position, task_id, first_seq, at, facts::text as facts
from tasker.events
where position >= $1 and (position > $1 or task_id >= $2) and position < $4
order by position, task_id, first_seq
limit $3
