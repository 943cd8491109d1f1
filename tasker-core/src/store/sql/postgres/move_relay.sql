-- $1 name, $2 holder, $3 milliseconds, $4 to $6 the place, $7 the receipt. No row: another process holds it.
update tasker.relays
set held_until = now() + $3 * interval '1 millisecond', position = $4, task_id = $5, seq = $6, receipt = $7::json, moved_at = now()
where name = $1 and holder = $2
returning name
