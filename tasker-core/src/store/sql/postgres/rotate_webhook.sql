-- $2 the new secret; the old one signs too for $3 milliseconds; $4 who and $5 why.
update tasker.webhooks
set
    secret = $2, previous_secret = secret, previous_until = now() + $3 * interval '1 millisecond',
    changed_at = now(), changed_by = $4, changed_because = $5
where id = $1
returning id
