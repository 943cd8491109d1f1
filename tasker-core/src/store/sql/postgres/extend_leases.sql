-- Extends the leases that are still held, by $4 milliseconds from now.
update tasker.steps s
set due_at = clock_timestamp() + $4 * interval '1 millisecond'
from unnest($1::uuid[], $2::integer[], $3::integer[]) as l (task_id, idx, attempt)
where s.task_id = l.task_id and s.idx = l.idx and s.attempt = l.attempt and s.state = 'in_progress'
returning s.task_id, s.idx, s.attempt, s.due_at
