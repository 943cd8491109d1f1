-- The log of all tasks from a position ($1, $2) on and before its end ($4), which was read before: at most $3 rows. Each with
-- the template of its task, since an event does not name it.
select e.position, e.task_id, e.first_seq, e.at, e.facts::text as facts, t.template_id, t.environment
from tasker.events e
left join tasker.tasks t on t.id = e.task_id
where e.position >= $1 and (e.position > $1 or e.task_id >= $2) and e.position < $4
order by e.position, e.task_id, e.first_seq
limit $3
