-- Differs from postgres: ?5 is the time of the next try, ?6 the time now.
update webhook_deliveries
set
    state = ?3, tries = ?4, tries_left = tries_left - 1,
    due_at = case when ?3 = 'pending' then ?5 end,
    ended_at = case when ?3 <> 'pending' then ?6 end
where id = ?1 and state = 'pending' and tries_left = ?2
returning id
