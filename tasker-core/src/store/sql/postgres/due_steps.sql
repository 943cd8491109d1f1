-- Leases that ended, retries and timers that are due.
select task_id, idx, due_at from tasker.steps where due_at <= clock_timestamp() order by due_at limit $1
