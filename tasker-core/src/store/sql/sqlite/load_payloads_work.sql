select asked.key, step.value, steps.part, steps.checkpoint
from jsonb_each(?1) as asked
cross join json_each(asked.value, '$.steps') as step
cross join steps on steps.task_id = unhex(asked.value ->> 'task_id') and steps.idx = step.value
where steps.part is not null or steps.checkpoint is not null
order by asked.key, step.value
