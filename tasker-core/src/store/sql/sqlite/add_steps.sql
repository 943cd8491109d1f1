insert into steps (task_id, idx, unmet, state, priority, name, queue, handler, dependents)
select
    unhex(step.value ->> 'task_id'), step.value ->> 'idx', step.value ->> 'unmet', 'pending', step.value ->> 'priority',
    step.value ->> 'name', step.value ->> 'queue', step.value ->> 'handler', step.value ->> 'dependents'
from jsonb_each(?1) as step
