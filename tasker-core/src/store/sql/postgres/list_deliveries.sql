-- The newest first: those of $1, in state $2 and before $3 if these are given, or $4 alone; at most $5.
select
    id, webhook_id, position, task_id, seq, until, events, type, state, tries_left, due_at, tries::text as tries,
    created_at, ended_at, asked_at, asked_by, asked_because
from tasker.webhook_deliveries
where webhook_id = $1 and ($2::text is null or state = $2) and ($3::uuid is null or id < $3) and ($4::uuid is null or id = $4)
order by id desc
limit $5
