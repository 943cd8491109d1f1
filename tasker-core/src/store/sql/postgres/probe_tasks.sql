-- The task behind the $1 newest ones that one condition of a search leaves. Of open tasks, which are in no order, any one
-- behind as many steps.
select id
from tasker.tasks --? tasks
from (select task_id as id from tasker.task_tags where tag = $8) as tagged --? by tag
from ( --? by open
    select task_id as id from tasker.steps where state = 'enqueued' --? by open
    union all select task_id from tasker.steps where due_at is not null --? by open
    union all select task_id from tasker.steps where state = 'waiting' --? by open
) as open --? by open
where id >= $2 and id < $3 --? in order
    and namespace = $4 --? by namespace
    and name = $5 --? by name
    and (error is not null or is_stopped) --? by apart
    and correlation_id = $9 --? by correlation_id
    and parent_correlation_id = $10 --? by parent_correlation_id
    and initiator = $11 --? by initiator
    and source_system = $12 --? by source_system
    and priority = $13 --? by priority
order by id desc --? in order
limit 1 offset $1
