select
    task_id, idx, name, queue, handler, state, attempt, failures, losses, unmet, dependents, due_at, worker_id, started_at,
    ended_at, result, error, flow
from steps
where task_id = ?1
order by idx
