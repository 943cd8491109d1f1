select tasks.id as task_id, null as idx
from (select id, state from tasks order by id desc limit ?1) as tasks
where tasks.state in ('pending', 'in_progress')
    and not exists (
        select 1 from steps
        where steps.task_id = tasks.id and steps.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
    )
order by tasks.id
limit ?2
