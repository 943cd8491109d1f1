-- Differs from postgres: nothing is locked, because there is one writer; and a task comes as a row of its own (index -1)
-- before its steps, because every column of every row costs a copy.
with asked (task_id, is_whole, steps) as materialized (
    select unhex(value ->> 'task_id'), value ->> 'whole', value -> 'steps' from jsonb_each(?1)
),
asked_step (task_id, idx) as materialized (
    select asked.task_id, step.value from asked cross join json_each(asked.steps) as step where not is_whole
),
wanted (task_id, idx) as (
    select task_id, -1 from asked
    union all
    select task_id, idx from asked_step
    union
    select asked_step.task_id, dependent.value
    from asked_step
    cross join steps on steps.task_id = asked_step.task_id and steps.idx = asked_step.idx
    cross join json_each(steps.dependents) as dependent
    union all
    select asked.task_id, steps.idx from asked cross join steps on steps.task_id = asked.task_id where is_whole
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
