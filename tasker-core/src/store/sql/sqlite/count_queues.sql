select queue, handler, count(*) as steps, min(task_id) as oldest
from steps
where state = 'enqueued'
group by queue, handler
order by steps desc, queue, handler
limit ?1
