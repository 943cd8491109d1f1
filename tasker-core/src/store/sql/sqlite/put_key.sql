insert into api_keys (id, name, prefix, hash, permissions, created_by, expires_at, created_at, created_because)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
