select queue, handler, steps, oldest
from (
    select
        routes.queue, routes.handler,
        (
            select count(*)
            from (
                select 1 from steps
                where state = 'enqueued' and steps.queue = routes.queue and steps.handler = routes.handler limit ?2
            )
        ) as steps,
        (
            select min(task_id)
            from (
                select task_id from steps
                where state = 'enqueued' and steps.queue = routes.queue and steps.handler = routes.handler limit ?2
            )
        ) as oldest
    from routes
)
where steps > 0
order by steps desc, queue, handler
limit ?1
