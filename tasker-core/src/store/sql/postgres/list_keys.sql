select
    id, name, prefix, hash, permissions::text as permissions, created_at, created_by, created_because, expires_at, last_used_at,
    revoked_at, revoked_by, revoked_because
from tasker.api_keys
order by created_at desc, id
limit $1
