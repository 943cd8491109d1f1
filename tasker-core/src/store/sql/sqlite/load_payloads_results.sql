select asked.key, step.value, steps.result
from jsonb_each(?1) as asked
cross join json_each(asked.value, '$.steps') as step
cross join steps on steps.task_id = unhex(asked.value ->> 'task_id') and steps.idx = step.value
where steps.result is not null
order by asked.key, step.value
