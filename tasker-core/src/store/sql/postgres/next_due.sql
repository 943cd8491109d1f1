-- When the next step or task falls due.
select least(
    (select min(due_at) from tasker.steps where due_at > clock_timestamp()),
    (select min(deadline_at) from tasker.tasks where deadline_at > clock_timestamp())
)
