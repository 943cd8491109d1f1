select tasks.id, tasks.correlation_id, tasks.flow
from json_each(?1) as asked
cross join tasks on tasks.id = unhex(asked.value)
