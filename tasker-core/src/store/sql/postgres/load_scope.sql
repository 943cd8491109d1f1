-- Locks tasks ($1) in the order of their ids, and reads them with the steps asked for ($2, $3), the dependents of these,
-- and every step of some of the tasks ($4). A task has a row of its own (no idx) before its steps: as a join, every step
-- would repeat its task, and the planner would compare each step with each task.
-- One statement has one snapshot, taken before the locks are waited for: where another transaction changed a task
-- meanwhile, its row is the new one and its steps are the old ones. `is_stale` tells, since every change moves `seq`; the
-- caller then asks again, now with the locks in hand.
with locked as materialized (
    select
        id, template_id, environment, state, priority, seq, completed_at, deadline_at, total, done, active, failed,
        error::text as error,
        flow::text as flow
    from tasker.tasks
    where id = any($1)
    order by id
    for no key update
),
wanted as materialized (
    -- No step may come twice.
    select * from unnest($2::uuid[], $3::integer[]) as w (task_id, idx) where w.task_id <> all($4)
),
keys as materialized (
    select task_id, idx from wanted
    union
    select s.task_id, d.idx
    from wanted w
    join tasker.steps s using (task_id, idx)
    cross join lateral unnest(s.dependents) as d (idx)
)
select
    t.id as task_id, null::integer as idx, t.state, clock_timestamp() as now,
    t.seq <> (select seen.seq from tasker.tasks seen where seen.id = t.id) as is_stale,
    t.template_id, t.environment, t.priority, t.seq, t.completed_at, t.deadline_at, t.total, t.done, t.active, t.failed, t.error,
    null::text as name, null::text as queue, null::text as handler, null::integer as attempt, null::integer as failures,
    null::integer as losses, null::integer as unmet, null::integer[] as dependents, null::timestamptz as due_at,
    null::uuid as worker_id, null::timestamptz as started_at, t.flow as flow
from locked t
union all
select
    s.task_id, s.idx, s.state, null, null, null, null, null, null, null, null, null, null, null, null,
    case when s.state = 'error' then s.error::text end,
    s.name, s.queue, s.handler, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id, s.started_at,
    s.flow::text
from keys
join tasker.steps s using (task_id, idx)
union all
select
    s.task_id, s.idx, s.state, null, null, null, null, null, null, null, null, null, null, null, null,
    case when s.state = 'error' then s.error::text end,
    s.name, s.queue, s.handler, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id, s.started_at,
    s.flow::text
from tasker.steps s
where s.task_id = any($4)
order by task_id, idx nulls first
