select count(*)
from (
    select 1
    from steps
    cross join tasks on tasks.id = steps.task_id
    where steps.state = 'enqueued' and steps.queue = ?1 and steps.handler = ?2
        and tasks.state in ('pending', 'in_progress')
        and (steps.priority > ?3 or (steps.priority = ?3 and (steps.task_id, steps.idx) < (?4, ?5)))
    limit ?6
)
