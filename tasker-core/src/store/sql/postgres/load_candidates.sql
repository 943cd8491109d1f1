-- The enqueued steps that come first on some routes ($1, $2), at most $3, with their tasks locked. Tasks that another
-- transaction has locked are passed over, so that claims never wait; those that changed since they were seen are too.
-- A task has a row of its own (no idx) before its steps, as in load_scope. Of a few tasks that are small every step is read:
-- whoever then reports these knows the tasks as a whole, and need not read them again.
with found as materialized (
    select f.*
    from unnest($1::text[], $2::text[]) as r (queue, handler)
    cross join lateral (
        select s.task_id, s.idx, s.priority, t.seq
        from tasker.steps s
        join tasker.tasks t on t.id = s.task_id and t.state in ('pending', 'in_progress', 'blocked_by_failures')
        where s.state = 'enqueued' and s.queue = r.queue and s.handler = r.handler
        order by s.priority desc, s.task_id, s.idx
        limit $3::bigint
    ) f
    order by f.priority desc, f.task_id, f.idx
    limit $3::bigint
),
locked as materialized (
    select
        id, template_id, environment, state, priority, seq, completed_at, deadline_at, total, done, active, failed,
        error::text as error,
        flow::text as flow
    from tasker.tasks
    where id = any(array(select distinct task_id from found))
    order by id
    for no key update skip locked
),
fresh as materialized (
    -- Sets are asked by hashed subplans, as in insert_tasks.
    select * from locked where ((id, seq) in (select task_id, seq from found)) is true
),
few as materialized (
    select id from fresh where total <= 64 and (select count(*) from fresh) <= 8
)
select
    t.id as task_id, null::integer as idx, t.state, clock_timestamp() as now, false as is_stale,
    t.template_id, t.environment, t.priority, t.seq, t.completed_at, t.deadline_at, t.total, t.done, t.active, t.failed, t.error,
    null::text as name, null::text as queue, null::text as handler, null::integer as attempt, null::integer as failures,
    null::integer as losses, null::integer as unmet, null::integer[] as dependents, null::timestamptz as due_at,
    null::uuid as worker_id, null::timestamptz as started_at, t.flow as flow
from fresh t
union all
select
    s.task_id, s.idx, s.state, null, null, null, null, null, null, null, null, null, null, null, null,
    case when s.state = 'error' then s.error::text end,
    s.name, s.queue, s.handler, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id, s.started_at,
    s.flow::text
from found f
join tasker.steps s using (task_id, idx)
where (f.task_id in (select id from fresh)) is true and (f.task_id in (select id from few)) is not true
union all
select
    s.task_id, s.idx, s.state, null, null, null, null, null, null, null, null, null, null, null, null,
    case when s.state = 'error' then s.error::text end,
    s.name, s.queue, s.handler, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id, s.started_at,
    s.flow::text
from tasker.steps s
where s.task_id = any(array(select id from few))
order by task_id, idx nulls first
