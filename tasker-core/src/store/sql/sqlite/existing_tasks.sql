select asked.key, tasks.id
from jsonb_each(?1) as asked
cross join tasks
    on tasks.namespace = asked.value ->> 'namespace'
    and tasks.name = asked.value ->> 'name'
    and tasks.idempotency_key = asked.value ->> 'idempotency_key'
