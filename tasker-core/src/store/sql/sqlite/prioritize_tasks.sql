update tasks
set priority = change.value ->> 'priority'
from jsonb_each(?1) as change
where tasks.id = unhex(change.value ->> 'task_id')
