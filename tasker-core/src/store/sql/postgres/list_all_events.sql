-- The log of all tasks from a position ($1, $2) on and before its end ($4), which was read before: at most $3 rows, and those
-- that make up the first $6 bytes as they are stored, one at least. What begins at or before the event $5 of the position does
-- not count: it is read once more. Each with the template of its task, since an event does not name it.
with page as (
    select position, task_id, first_seq, at, facts
    from tasker.events
    where position >= $1 and (position > $1 or task_id >= $2) and position < $4
    order by position, task_id, first_seq
    limit $3
), measured as (
    select
        position, task_id, first_seq, at, facts,
        sum(case when (position, task_id, first_seq) > ($1, $2, $5) then pg_column_size(facts) else 0 end)
            over (order by position, task_id, first_seq rows between unbounded preceding and 1 preceding) as bytes_before
    from page
)
select m.position, m.task_id, m.first_seq, m.at, m.facts::text as facts, t.template_id, t.environment
from measured m
left join tasker.tasks t on t.id = m.task_id
where coalesce(m.bytes_before, 0) < $6
order by m.position, m.task_id, m.first_seq
