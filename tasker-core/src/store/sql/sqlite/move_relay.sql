-- Differs from postgres: ?3 is the time until which it is held, ?8 the time now.
update relays
set held_until = ?3, position = ?4, task_id = ?5, seq = ?6, receipt = ?7, moved_at = ?8
where name = ?1 and holder = ?2
returning name
