-- $2 how many tries were left; $3 the state that follows; $4 all its tries; $5 milliseconds to the next. No row: another process
-- has tried it too.
update tasker.webhook_deliveries
set
    state = $3, tries = $4::json, tries_left = tries_left - 1,
    due_at = case when $3 = 'pending' then now() + $5 * interval '1 millisecond' end,
    ended_at = case when $3 <> 'pending' then now() end
where id = $1 and state = 'pending' and tries_left = $2
returning id
