-- Steps of a task whose indices are in a range.
select
    task_id, idx, name, queue, handler, state, attempt, failures, losses, unmet, dependents, due_at, worker_id, started_at,
    ended_at, result, error, flow
from steps
where task_id = ?1 and idx >= ?2 and idx < ?3
order by idx
limit ?4
