-- Locks tasks ($1) in the order of their ids, and reads them with the steps asked for ($2, $3), the dependents of these,
-- and every step of some of the tasks ($4).
-- One statement has one snapshot, taken before the locks are waited for: where another transaction changed a task
-- meanwhile, its row is the new one and its steps are the old ones. `is_stale` tells, since every change moves `seq`; the
-- caller then asks again, now with the locks in hand.
with locked as materialized (
    select id, template_id, environment, state, priority, seq, deadline_at, total, done, active, failed, error::text as error
    from tasker.tasks
    where id = any($1)
    order by id
    for no key update
),
seen as materialized (
    select id, seq from tasker.tasks where id = any($1)
),
wanted as materialized (
    select * from unnest($2::uuid[], $3::integer[]) as w (task_id, idx)
),
keys as materialized (
    select task_id, idx from wanted
    union
    select s.task_id, d.idx
    from wanted w
    join tasker.steps s using (task_id, idx)
    cross join lateral unnest(s.dependents) as d (idx)
),
near as (
    select s.* from keys join tasker.steps s using (task_id, idx)
    union all
    select s.* from tasker.steps s where s.task_id = any($4)
)
select
    t.id, s.idx, t.seq <> n.seq as is_stale, t.template_id, t.environment, t.state as task_state, t.priority, t.seq,
    t.deadline_at, t.total, t.done, t.active, t.failed as tasks_failed, t.error as task_error,
    s.name, s.queue, s.handler, s.state, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id,
    s.started_at, clock_timestamp() as now
from locked t
join seen n using (id)
left join near s on s.task_id = t.id
order by t.id, s.idx
