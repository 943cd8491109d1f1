-- Differs from postgres: ?5 is the time now.
update webhooks
set state = ?2, failures = 0, changed_at = ?5, changed_by = ?3, changed_because = ?4
where id = ?1 and state <> ?2
returning id
