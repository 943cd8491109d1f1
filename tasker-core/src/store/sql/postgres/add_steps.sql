-- Adds steps to tasks that are locked, as they are before anything happens to them.
insert into tasker.steps (task_id, idx, unmet, state, priority, name, queue, handler, dependents)
select c.task_id, c.idx, c.unmet, 'pending', c.priority, c.name, c.queue, c.handler, c.dependents::integer[]
from unnest($1::uuid[], $2::integer[], $3::integer[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[])
    as c (task_id, idx, unmet, priority, name, queue, handler, dependents)
