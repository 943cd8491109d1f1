-- What is due, at most $1 of each kind: leases that ended, retries and timers (with the step's index), and tasks whose time is over
-- (without). The row without a task tells when the next falls due.
(
    select task_id, idx, due_at from tasker.steps where due_at <= statement_timestamp() order by due_at limit $1
)
union all
(
    select id, null, deadline_at from tasker.tasks where deadline_at <= statement_timestamp() order by deadline_at limit $1
)
union all
select
    null,
    null,
    least(
        (select min(due_at) from tasker.steps where due_at > statement_timestamp()),
        (select min(deadline_at) from tasker.tasks where deadline_at > statement_timestamp())
    )
