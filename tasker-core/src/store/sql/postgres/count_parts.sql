-- How many parts of each step of a task ($1) are in which state. Parts have indices from $2 on, each step so many of them.
select idx / $2 - 1 as step, state, count(*)::integer as parts
from tasker.steps
where task_id = $1 and idx >= $2
group by step, state
order by step, state
