select
    id, template_id, namespace, name, version, environment, state, priority, context::text as context, initiator,
    source_system, reason, tags,
    correlation_id, parent_correlation_id, idempotency_key, rerun_of, flow::text as flow, total, done, active, failed, seq, error::text as error,
    created_at, updated_at,
    completed_at, deadline_at
from tasker.tasks
where id = $1
