-- Adds the parts of batches (?1) to their tasks. Differs from postgres: a batch has its parts within it, as json; what they
-- share is taken out of it once, because each look at the batch copies all of it.
with batch (task_id, priority, name, queue, handler, dependents, parts) as materialized (
    select
        unhex(value ->> 'task_id'), value ->> 'priority', value ->> 'name', value ->> 'queue', value ->> 'handler',
        '[' || (value ->> 'step') || ']', value -> 'parts'
    from jsonb_each(?1)
)
insert into steps (task_id, idx, unmet, state, priority, name, queue, handler, dependents, part)
select
    batch.task_id, part.value ->> 'idx', part.value ->> 'unmet', part.value ->> 'state', batch.priority,
    batch.name || '[' || (part.value ->> 'number') || ']', batch.queue, batch.handler, batch.dependents, part.value ->> 'part'
from batch
cross join jsonb_each(batch.parts) as part
