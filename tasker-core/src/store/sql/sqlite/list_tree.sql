-- Differs from postgres: the recursion is a queue, which a limit ends before more is read than asked for.
with recursive tree (id, depth) as (
    select id, 0 from tasks where id = ?1
    union all
    select t.id, p.depth + 1
    from tree p
    join tasks t on t.parent_id = p.id
    order by 2, 1
    limit ?2
)
select
    t.id, t.namespace, t.name, t.version, t.template_id, t.environment, t.state, t.priority, 'null', t.initiator,
    t.source_system, t.reason, t.tags, t.correlation_id, t.parent_correlation_id, t.idempotency_key, t.rerun_of, t.flow,
    t.total, t.done, t.active, t.failed, t.seq, t.error, t.created_at, t.updated_at, t.completed_at, t.deadline_at
from tree s
join tasks t on t.id = s.id
order by s.depth, s.id
