select
    id, namespace, name, version, template_id, environment, state, priority, context, initiator, source_system, reason, tags,
    correlation_id, parent_correlation_id, idempotency_key, rerun_of, total, done, active, failed, seq, error, created_at, updated_at,
    completed_at, deadline_at
from tasks
where (?1 is null or namespace = ?1)
    and (?2 is null or name = ?2)
    and (?3 is null or version = ?3)
    and (?4 is null or state in (select value from json_each(?4)))
    and (?5 is null or id < ?5)
order by id desc
limit ?6
