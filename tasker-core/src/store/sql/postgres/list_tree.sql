-- A task and all that run for its steps, theirs too: parents before children, at most $2, without inputs.
with recursive tree as (
    select id, 0 as depth from tasker.tasks where id = $1
    union all
    select t.id, p.depth + 1
    from tree p
    join tasker.tasks t on t.parent_id = p.id
)
select
    t.id, t.template_id, t.namespace, t.name, t.version, t.environment, t.state, t.priority, 'null' as context, t.initiator,
    t.source_system, t.reason, t.tags, t.correlation_id, t.parent_correlation_id, t.idempotency_key, t.rerun_of,
    t.flow::text as flow, t.total, t.done, t.active, t.failed, t.seq, t.error::text as error, t.created_at, t.updated_at,
    t.completed_at, t.deadline_at
from (select id, depth from tree order by depth, id limit $2::bigint) s
join tasker.tasks t using (id)
order by s.depth, s.id
