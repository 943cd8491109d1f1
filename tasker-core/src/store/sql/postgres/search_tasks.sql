-- Tasks by what a search asks for, newest first: rows, ids, or how many (up to $1). A line that ends in `--? words` is kept
-- only where the search has these words.
select count(*) from ( --? count
select
    1 --? count
    id --? ids
    id, template_id, namespace, name, version, environment, state, priority, context::text as context, initiator, --? rows
    source_system, reason, tags, correlation_id, parent_correlation_id, idempotency_key, rerun_of, flow::text as flow, total, done, --? rows
    active, failed, seq, error::text as error, created_at, updated_at, completed_at, deadline_at --? rows
from tasker.tasks
-- In the order of the ids, so that a page's worth of them is looked at and not all.
join (select task_id from (select task_id from tasker.steps where state = 'enqueued' union select task_id from tasker.steps where due_at is not null union select task_id from tasker.steps where state = 'waiting') as any_order order by task_id desc) as open on task_id = id --? by open
where id >= $2 and id < $3
    and namespace = $4 --? by namespace
    and namespace = $4 --? namespace too
    and name = $5 --? by name
    and name = $5 --? name too
    and version = $6 --? version too
    and state = any($7) --? states too
    and (error is not null or is_stopped) --? by apart
    and id in (select task_id from tasker.task_tags where tag = $8 and task_id >= $2 and task_id < $3) --? by tag
    and exists (select from tasker.task_tags where tag = $8 and task_id = id) --? tag too
    and correlation_id = $9 --? by correlation_id
    and correlation_id = $9 --? correlation_id too
    and parent_correlation_id = $10 --? by parent_correlation_id
    and parent_correlation_id = $10 --? parent_correlation_id too
    and initiator = $11 --? by initiator
    and initiator = $11 --? initiator too
    and source_system = $12 --? by source_system
    and source_system = $12 --? source_system too
    and priority = $13 --? by priority
    and priority = $13 --? priority too
    and created_at >= $14 --? created_from too
    and created_at < $15 --? created_before too
    and updated_at >= $16 --? updated_from too
    and updated_at < $17 --? updated_before too
    and completed_at >= $18 --? completed_from too
    and completed_at < $19 --? completed_before too
order by id desc --? list
limit $1
) as counted --? count
