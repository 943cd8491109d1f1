-- One more of its deliveries has failed ($2), or one has arrived. Where $3 have failed one after the other, it is given up.
update tasker.webhooks
set
    failures = case when $2 then failures + 1 else 0 end,
    state = case when $2 and failures + 1 >= $3 then 'failed' else state end,
    changed_at = case when $2 and failures + 1 >= $3 then now() else changed_at end,
    changed_by = case when $2 and failures + 1 >= $3 then 'tasker' else changed_by end,
    changed_because = case when $2 and failures + 1 >= $3 then $4 else changed_because end
where id = $1 and state = 'active'
returning state
