insert into tasker.api_keys (id, name, prefix, hash, permissions, created_by, expires_at, created_because)
values ($1, $2, $3, $4, $5::json, $6, $7, $8)
