-- Tasks (?1), steps of them by index with the dependents of these (?2), and every step of some of them (?3).
-- Differs from postgres: nothing is locked, because there is one writer; and the answer is one row of two json texts,
-- because each row and each of its columns is copied on the way from SQLite's thread, which takes longer than reading it.
with asked (task_id, idx) as (
    select unhex(value ->> 0), value ->> 1 from jsonb_each(?2)
),
wanted (task_id, idx) as (
    select task_id, idx from asked
    union
    select asked.task_id, dependent.value
    from asked
    cross join steps on steps.task_id = asked.task_id and steps.idx = asked.idx
    cross join json_each(steps.dependents) as dependent
    union
    select steps.task_id, steps.idx from json_each(?3) as whole cross join steps on steps.task_id = unhex(whole.value)
)
select
    (
        select json_group_array(json_array(
            hex(tasks.id), hex(tasks.template_id), tasks.environment, tasks.state, tasks.priority, tasks.total, tasks.done,
            tasks.active, tasks.failed, tasks.seq, tasks.completed_at, tasks.deadline_at, tasks.error, tasks.flow
        ))
        from json_each(?1) as asked
        cross join tasks on tasks.id = unhex(asked.value)
    ) as tasks,
    (
        select json_group_array(json_array(
            hex(steps.task_id), steps.idx, steps.name, steps.queue, steps.handler, steps.state, steps.attempt, steps.failures,
            steps.losses, steps.unmet, steps.dependents, steps.due_at, nullif(hex(steps.worker_id), ''), steps.started_at,
            iif(steps.state = 'error', steps.error, null),
            steps.flow
        ))
        from wanted
        cross join steps on steps.task_id = wanted.task_id and steps.idx = wanted.idx
    ) as steps
