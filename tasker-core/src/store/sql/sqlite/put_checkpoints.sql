update steps
set checkpoint = lease.value ->> 'checkpoint', due_at = ?2
from jsonb_each(?1) as lease
where steps.task_id = unhex(lease.value ->> 'task_id')
    and steps.idx = lease.value ->> 'idx'
    and steps.attempt = lease.value ->> 'attempt'
    and steps.state = 'in_progress'
returning task_id, idx, attempt
