-- No row: another process has begun it.
insert into tasker.webhook_deliveries (id, webhook_id, position, task_id, seq, until, events, type, tries_left, due_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
on conflict do nothing
returning id
