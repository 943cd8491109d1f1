-- Only sqlite: on postgres, `load_scope` reads whole tasks too.
-- Differs from postgres: a task comes as a row of its own (index -1) before its steps, because every column of every row
-- costs a copy.
with asked (task_id) as materialized (
    select unhex(value) from json_each(?1)
),
wanted (task_id, idx) as (
    select task_id, -1 from asked
    union all
    select asked.task_id, steps.idx from asked cross join steps on steps.task_id = asked.task_id
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
