-- Differs from postgres: the tasks come as the JSON of a list of ids in hexadecimal digits.
select
    s.task_id, s.idx, s.name, s.queue, s.handler, s.state, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at,
    s.worker_id, s.started_at, s.ended_at, null, s.error, s.flow
from json_each(?1) t
join steps s on s.task_id = unhex(t.value) and s.part is null
order by t.key, s.idx
limit ?2
