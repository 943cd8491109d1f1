-- Differs from postgres: steps and events are inserted by statements of their own, because SQLite has no insert within
-- a common table expression; keys that are taken are looked up before, because there is one writer.
insert into tasks (
    id, template_id, seq, updated_at, deadline_at, total, priority, created_at, namespace, name, version, environment,
    correlation_id, parent_correlation_id, idempotency_key, initiator, source_system, reason, tags, context,
    rerun_of, parent_id, flow
)
select
    unhex(value ->> 'id'), unhex(value ->> 'template_id'), 1, $2, $2 + value ->> 'deadline_us',
    value ->> 'total', value ->> 'priority', $2, value ->> 'namespace', value ->> 'name', value ->> 'version',
    value ->> 'environment', value ->> 'correlation_id', value ->> 'parent_correlation_id',
    value ->> 'idempotency_key', value ->> 'initiator', value ->> 'source_system', value ->> 'reason',
    value ->> 'tags', value ->> 'context', unhex(value ->> 'rerun_of'), unhex(value ->> 'parent_id'), value ->> 'flow'
from jsonb_each($1)
