-- $1 the process, $2 milliseconds. Takes those that nobody sends for, and goes on holding its own.
update tasker.webhooks
set holder = $1, held_until = now() + $2 * interval '1 millisecond'
where state = 'active' and (holder is null or holder = $1 or held_until < now())
returning
    id, definition::text as definition, state, failures, secret, previous_secret, previous_until, created_at, created_by,
    created_because, changed_at, changed_by, changed_because, asked_at
