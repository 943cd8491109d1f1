select state, count(*) as tasks
from (
    select state
    from (select state from tasks where (error is not null or is_stopped) limit ?1) as apart
    where state not in ('pending', 'in_progress', 'complete')
    union all
    select state
    from tasks
    where state in ('pending', 'in_progress') and id in (
        select task_id from (select task_id from steps where state = 'enqueued' limit ?1) as enqueued
        union
        select task_id from (select task_id from steps where due_at is not null limit ?1) as due
        union
        select task_id from (select task_id from steps where state = 'waiting' limit ?1) as waiting
    )
) as rest
group by state
