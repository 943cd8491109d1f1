-- Only sqlite: SQLite has no insert within a common table expression.
insert or ignore into task_tags (tag, task_id)
select tag.value, unhex(task.value ->> 'id')
from jsonb_each($1) as task
cross join json_each(task.value ->> 'tags') as tag
