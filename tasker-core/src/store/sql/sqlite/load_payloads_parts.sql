-- Results of all parts of steps, by the request that asks for them; the parts of a step are the indices of a range.
select asked.key, steps.idx, steps.result
from jsonb_each(?1) as asked
cross join json_each(asked.value, '$.ranges') as range
cross join steps on steps.task_id = unhex(asked.value ->> 'task_id')
    and steps.idx >= range.value ->> 0 and steps.idx < range.value ->> 1
where steps.result is not null
order by asked.key, steps.idx
