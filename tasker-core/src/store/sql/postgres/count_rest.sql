-- How many tasks are in each state but `complete`, which most are in: those that failed or were stopped, and those with a step
-- that is under way, up to $1 of each.
select state, count(*) as tasks
from (
    select state
    from (select state from tasker.tasks where (error is not null or is_stopped) limit $1) as apart
    where state not in ('pending', 'in_progress', 'complete')
    union all
    select state
    from tasker.tasks
    where state in ('pending', 'in_progress') and id in (
        select task_id from (select task_id from tasker.steps where state = 'enqueued' limit $1) as enqueued
        union
        select task_id from (select task_id from tasker.steps where due_at is not null limit $1) as due
        union
        select task_id from (select task_id from tasker.steps where state = 'waiting' limit $1) as waiting
    )
) as rest
group by state
