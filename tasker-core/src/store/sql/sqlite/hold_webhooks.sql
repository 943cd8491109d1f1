-- Differs from postgres: ?2 is the time until which they are held, ?3 the time now.
update webhooks
set holder = ?1, held_until = ?2
where state = 'active' and (holder is null or holder = ?1 or held_until < ?3)
returning
    id, definition, state, failures, secret, previous_secret, previous_until, created_at, created_by, created_because, changed_at,
    changed_by, changed_because, asked_at
