-- $2 the state, in which it is not yet; $3 who and $4 why.
update tasker.webhooks
set state = $2, failures = 0, changed_at = now(), changed_by = $3, changed_because = $4
where id = $1 and state <> $2
returning id
