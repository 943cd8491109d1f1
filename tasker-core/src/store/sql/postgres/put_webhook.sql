insert into tasker.webhooks (id, definition, secret, created_by, created_because)
values ($1, $2::json, $3, $4, $5)
