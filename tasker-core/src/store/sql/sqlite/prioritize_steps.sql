update steps
set priority = change.value ->> 'priority'
from jsonb_each(?1) as change
where steps.task_id = unhex(change.value ->> 'task_id') and steps.state not in ('complete', 'skipped', 'resolved_manually')
