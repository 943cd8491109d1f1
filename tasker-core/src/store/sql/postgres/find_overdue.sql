-- Steps whose due time has passed by more than a minute ($1 is not used): no process sweeps, or the sweep fails.
select task_id, idx
from tasker.steps
where due_at < clock_timestamp() - interval '1 minute' and $1::bigint is not null
order by due_at
limit $2
