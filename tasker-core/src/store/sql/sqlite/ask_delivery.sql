-- Differs from postgres: ?5 is the time now; the webhook is told by `note_asked`.
update webhook_deliveries
set state = 'pending', tries_left = 1, due_at = ?5, ended_at = null, asked_at = ?5,
    asked_by = ?3, asked_because = ?4
where webhook_id = ?1 and id = ?2 and state <> 'pending'
returning id
