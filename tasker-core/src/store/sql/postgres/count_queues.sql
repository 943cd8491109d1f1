-- What stands in the queues, by route: steps, and the task that has waited longest.
select queue, handler, count(*) as steps, min(task_id::text)::uuid as oldest
from tasker.steps
where state = 'enqueued'
group by queue, handler
order by steps desc, queue, handler
limit $1
