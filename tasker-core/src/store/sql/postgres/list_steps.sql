select
    task_id, idx, name, queue, handler, state, attempt, failures, losses, unmet, dependents, due_at, worker_id, started_at,
    ended_at, result::text as result, error::text as error, flow::text as flow
from tasker.steps
where task_id = $1
order by idx
