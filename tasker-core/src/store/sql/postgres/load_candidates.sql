-- The enqueued steps that come first on some routes ($1, $2), at most $3, with their tasks locked. Tasks that another
-- transaction has locked are passed over, so that claims never wait; those that changed since they were seen are too.
with found as materialized (
    select f.*
    from unnest($1::text[], $2::text[]) as r (queue, handler)
    cross join lateral (
        select s.task_id, s.idx, s.priority, t.seq
        from tasker.steps s
        join tasker.tasks t on t.id = s.task_id and t.state in ('pending', 'in_progress')
        where s.state = 'enqueued' and s.queue = r.queue and s.handler = r.handler
        order by s.priority desc, s.task_id, s.idx
        limit $3::bigint
    ) f
    order by f.priority desc, f.task_id, f.idx
    limit $3::bigint
),
locked as materialized (
    select id, template_id, environment, state, priority, seq, deadline_at, total, done, active, failed, error::text as error
    from tasker.tasks
    where id = any(array(select distinct task_id from found))
    order by id
    for no key update skip locked
)
select
    t.id, s.idx, false as is_stale, t.template_id, t.environment, t.state as task_state, t.priority, t.seq,
    t.deadline_at, t.total, t.done, t.active, t.failed as tasks_failed, t.error as task_error,
    s.name, s.queue, s.handler, s.state, s.attempt, s.failures, s.losses, s.unmet, s.dependents, s.due_at, s.worker_id,
    s.started_at, clock_timestamp() as now
from found f
join locked t on t.id = f.task_id and t.seq = f.seq
join tasker.steps s on s.task_id = f.task_id and s.idx = f.idx
order by t.id, s.idx
