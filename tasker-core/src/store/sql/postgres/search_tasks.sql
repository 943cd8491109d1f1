-- Tasks by what a search asks for, newest first: rows, ids, or how many (up to $1). A line that ends in `--? word` is kept
-- only where the search has that word.
select count(*) from ( --? count
select
    1 --? count
    id --? ids
    id, template_id, namespace, name, version, environment, state, priority, context::text as context, initiator, --? rows
    source_system, reason, tags, correlation_id, parent_correlation_id, idempotency_key, rerun_of, flow::text as flow, total, done, --? rows
    active, failed, seq, error::text as error, created_at, updated_at, completed_at, deadline_at --? rows
from tasker.tasks
where id >= $2 and id < $3
    and namespace = $4 --? namespace
    and name = $5 --? name
    and version = $6 --? version
    and state = any($7) --? states
    and (error is not null or is_stopped) --? apart
    and id in (select task_id from tasker.steps where state = 'enqueued' union select task_id from tasker.steps where due_at is not null union select task_id from tasker.steps where state = 'waiting') --? open
    and id >= coalesce((select recent.id from tasker.tasks recent where recent.id < $3 order by recent.id desc limit 1 offset 2000), $2) --? newest
    and id in (select task_id from tasker.task_tags where tag = $8) --? tag
    and correlation_id = $9 --? correlation_id
    and parent_correlation_id = $10 --? parent_correlation_id
    and initiator = $11 --? initiator
    and source_system = $12 --? source_system
    and priority = $13 --? priority
    and created_at >= $14 --? created_from
    and created_at < $15 --? created_before
    and updated_at >= $16 --? updated_from
    and updated_at < $17 --? updated_before
    and completed_at >= $18 --? completed_from
    and completed_at < $19 --? completed_before
order by id desc --? list
limit $1
) as counted --? count
