-- Tasks that pass the filter, newest first, behind $5.
select
    id, template_id, namespace, name, version, environment, state, priority, context::text as context, initiator,
    source_system, reason, tags,
    correlation_id, parent_correlation_id, idempotency_key, rerun_of, total, done, active, failed, seq, error::text as error,
    created_at, updated_at,
    completed_at, deadline_at
from tasker.tasks
where ($1::text is null or namespace = $1)
    and ($2::text is null or name = $2)
    and ($3::text is null or version = $3)
    and (cardinality($4::text[]) = 0 or state = any($4))
    and ($5::uuid is null or id < $5)
order by id desc
limit $6
