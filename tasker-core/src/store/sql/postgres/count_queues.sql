-- What stands in the queues, by route: steps (counted up to $2), and the task that has waited longest.
select r.queue, r.handler, waiting.steps, waiting.oldest
from tasker.routes r
cross join lateral (
    select count(*) as steps, min(task_id::text)::uuid as oldest
    from (
        select task_id from tasker.steps where state = 'enqueued' and queue = r.queue and handler = r.handler limit $2
    ) as counted
) as waiting
where waiting.steps > 0
order by waiting.steps desc, r.queue, r.handler
limit $1
