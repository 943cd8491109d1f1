-- Adds the parts of batches (?1) to their tasks. Differs from postgres: a batch has its parts within it, as json.
insert into steps (task_id, idx, unmet, state, priority, name, queue, handler, dependents, part)
select
    unhex(batch.value ->> 'task_id'), part.value ->> 'idx', part.value ->> 'unmet', part.value ->> 'state',
    batch.value ->> 'priority', batch.value ->> 'name' || '[' || (part.value ->> 'number') || ']', batch.value ->> 'queue',
    batch.value ->> 'handler', '[' || (batch.value ->> 'step') || ']', part.value ->> 'part'
from jsonb_each(?1) as batch
cross join jsonb_each(batch.value, '$.parts') as part
