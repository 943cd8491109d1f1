-- How many steps of a route ($1, $2) go before this one ($3, $4, $5), counted up to $6.
select count(*)
from (
    select 1
    from tasker.steps s
    join tasker.tasks t on t.id = s.task_id and t.state in ('pending', 'in_progress')
    where s.state = 'enqueued' and s.queue = $1 and s.handler = $2
        and (s.priority > $3 or (s.priority = $3 and (s.task_id, s.idx) < ($4, $5)))
    limit $6
) as ahead
