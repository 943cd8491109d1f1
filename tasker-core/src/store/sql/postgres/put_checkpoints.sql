-- Stores how far attempts have come, and extends their leases by $5 milliseconds from now, as far as they are still held.
update tasker.steps s
set checkpoint = c.checkpoint::json, due_at = clock_timestamp() + $5 * interval '1 millisecond'
from unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) as c (task_id, idx, attempt, checkpoint)
where s.task_id = c.task_id and s.idx = c.idx and s.attempt = c.attempt and s.state = 'in_progress'
returning s.task_id, s.idx, s.attempt, s.due_at
