-- Differs from postgres: ?6 is the time now.
insert into webhooks (id, definition, secret, created_by, created_because, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6)
