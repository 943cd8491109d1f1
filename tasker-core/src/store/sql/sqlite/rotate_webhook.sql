-- Differs from postgres: ?3 is the time until which the old secret signs too, ?6 the time now.
update webhooks
set secret = ?2, previous_secret = secret, previous_until = ?3, changed_at = ?6, changed_by = ?4, changed_because = ?5
where id = ?1
returning id
