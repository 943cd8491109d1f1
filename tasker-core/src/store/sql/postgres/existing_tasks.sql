-- The tasks that have these idempotency keys.
select t.namespace, t.name, t.idempotency_key, t.id
from unnest($1::text[], $2::text[], $3::text[]) as k (namespace, name, idempotency_key)
join tasker.tasks t using (namespace, name, idempotency_key)
