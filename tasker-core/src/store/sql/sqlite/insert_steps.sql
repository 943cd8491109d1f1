-- Only sqlite: SQLite has no insert within a common table expression. $1 is the tasks, $3 the lists of steps that they
-- share; $2 is the time.
insert into steps (task_id, idx, unmet, state, due_at, priority, name, queue, handler, dependents)
select
    unhex(task.value ->> 'id'), step.value ->> 'idx', step.value ->> 'unmet', step.value ->> 'state',
    case when step.value ->> 'state' = 'waiting' then $2 end,
    task.value ->> 'priority', step.value ->> 'name', step.value ->> 'queue', step.value ->> 'handler',
    step.value ->> 'dependents'
from jsonb_each($1) as task
cross join jsonb_each($3, '$[' || (task.value ->> 'plan') || ']') as step
