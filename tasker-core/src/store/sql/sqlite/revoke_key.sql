update api_keys
set revoked_at = ?3, revoked_by = ?2, revoked_because = ?4
where id = ?1 and revoked_at is null
returning id
