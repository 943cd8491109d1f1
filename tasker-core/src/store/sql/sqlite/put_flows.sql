update tasks
set flow = change.value ->> 'flow'
from jsonb_each(?1) as change
where tasks.id = unhex(change.value ->> 'task_id')
