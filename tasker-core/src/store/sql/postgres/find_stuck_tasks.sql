-- Open tasks, among the $1 newest, of which no step stands in a queue, has a due time or waits for something: nothing moves them.
select t.id as task_id, null::integer as idx
from (select id, state, done, total from tasker.tasks order by id desc limit $1) t
where t.state in ('pending', 'in_progress')
    and not exists (
        select 1 from tasker.steps s
        where s.task_id = t.id and s.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
    )
order by t.id
limit $2
