-- Differs from postgres: a partial index is used only where its condition is written out.
select id
from tasks --? tasks
from (select task_id as id from task_tags where tag = ?8) as tagged --? by tag
from ( --? by open
    select task_id as id from steps where state = 'enqueued' --? by open
    union all select task_id from steps where due_at is not null --? by open
    union all select task_id from steps where state = 'waiting' --? by open
) as open --? by open
where id >= ?2 and id < ?3 --? in order
    and namespace = ?4 --? by namespace
    and name = ?5 --? by name
    and (error is not null or is_stopped) --? by apart
    and correlation_id = ?9 --? by correlation_id
    and parent_correlation_id = ?10 --? by parent_correlation_id
    and initiator = ?11 --? by initiator
    and source_system = ?12 --? by source_system
    and priority = ?13 --? by priority
    and priority <> 0 --? by priority
order by id desc --? in order
limit 1 offset ?1
