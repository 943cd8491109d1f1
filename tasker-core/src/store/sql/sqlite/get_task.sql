select
    id, namespace, name, version, template_id, environment, state, priority, context, initiator, source_system, reason, tags,
    correlation_id, parent_correlation_id, idempotency_key, rerun_of, flow, total, done, active, failed, seq, error, created_at, updated_at,
    completed_at, deadline_at
from tasks
where id = ?1
