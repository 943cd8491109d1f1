-- Differs from postgres: ?10 is the time now.
insert into webhook_deliveries (
    id, webhook_id, position, task_id, seq, until, events, type, tries_left, due_at, created_at
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)
on conflict do nothing
returning id
