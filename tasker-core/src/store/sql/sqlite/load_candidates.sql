-- The first enqueued steps of the routes (?1), at most ?2 of them, and their tasks.
-- Differs from postgres: nothing is locked, because there is one writer; the head of each queue goes through a json list,
-- because SQLite has no lateral join; and the answer is one row of two json texts, as in load_scope.
with head (steps) as (
    select (
        select json_group_array(json_array(-head.priority, hex(head.task_id), head.idx))
        from (
            select steps.priority, steps.task_id, steps.idx
            from steps
            cross join tasks on tasks.id = steps.task_id
            where steps.state = 'enqueued'
                and steps.queue = route.value ->> 'queue'
                and steps.handler = route.value ->> 'handler'
                and tasks.state in ('pending', 'in_progress', 'blocked_by_failures')
            order by steps.priority desc, steps.task_id, steps.idx
            limit ?2
        ) as head
    )
    from jsonb_each(?1) as route
),
candidate (task_id, idx) as materialized (
    select unhex(step.value ->> 1), step.value ->> 2
    from head
    cross join jsonb_each(head.steps) as step
    order by step.value ->> 0, step.value ->> 1, step.value ->> 2
    limit ?2
)
select
    (
        select json_group_array(json_array(
            hex(tasks.id), hex(tasks.template_id), tasks.environment, tasks.state, tasks.priority, tasks.total, tasks.done,
            tasks.active, tasks.failed, tasks.seq, tasks.completed_at, tasks.deadline_at, tasks.error, tasks.flow
        ))
        from (select distinct task_id from candidate) as found
        cross join tasks on tasks.id = found.task_id
    ) as tasks,
    (
        select json_group_array(json_array(
            hex(steps.task_id), steps.idx, steps.name, steps.queue, steps.handler, steps.state, steps.attempt, steps.failures,
            steps.losses, steps.unmet, steps.dependents, steps.due_at, nullif(hex(steps.worker_id), ''), steps.started_at,
            iif(steps.state = 'error', steps.error, null),
            steps.flow
        ))
        from candidate
        cross join steps on steps.task_id = candidate.task_id and steps.idx = candidate.idx
    ) as steps
