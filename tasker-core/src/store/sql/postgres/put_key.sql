insert into tasker.api_keys (id, name, prefix, hash, permissions, created_by, expires_at)
values ($1, $2, $3, $4, $5::json, $6, $7)
