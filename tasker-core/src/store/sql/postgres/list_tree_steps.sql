-- The steps of tasks ($1), in the order of the tasks, at most $2, without results and without the parts of batches.
select
    s.task_id, s.idx, s.name, s.queue, s.handler, s.state, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at,
    s.worker_id, s.started_at, s.ended_at, null::text as result, s.error::text as error, s.flow::text as flow
from unnest($1::uuid[]) with ordinality as t (id, place)
join tasker.steps s on s.task_id = t.id and s.part is null
order by t.place, s.idx
limit $2::bigint
