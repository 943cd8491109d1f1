-- Differs from postgres: nothing is locked, because there is one writer; the head of each queue goes through a json list,
-- because SQLite has no lateral join; and a task comes as a row of its own (index -1) before its steps.
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
                and tasks.state in ('pending', 'in_progress')
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
),
wanted (task_id, idx) as (
    select task_id, idx from candidate
    union
    select task_id, -1 from candidate
)
select
    wanted.task_id, wanted.idx, tasks.template_id, tasks.environment, tasks.state, tasks.priority, tasks.total, tasks.done,
    tasks.active, tasks.failed, tasks.seq, tasks.deadline_at, tasks.error,
    steps.name, steps.queue, steps.handler, steps.state, steps.attempt, steps.failures, steps.losses, steps.unmet,
    steps.dependents, steps.due_at, steps.worker_id, steps.started_at
from wanted
left join tasks on wanted.idx < 0 and tasks.id = wanted.task_id
left join steps on steps.task_id = wanted.task_id and steps.idx = wanted.idx
where tasks.id is not null or steps.task_id is not null
order by wanted.task_id, wanted.idx
