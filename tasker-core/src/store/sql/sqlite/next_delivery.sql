select
    id, webhook_id, position, task_id, seq, until, events, type, state, tries_left, due_at, tries, created_at, ended_at,
    asked_at, asked_by, asked_because
from webhook_deliveries
where webhook_id = ?1 and state = 'pending'
order by due_at
limit 1
