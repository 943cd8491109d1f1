-- Adds the parts of batches to their tasks. What the parts of one batch share ($1 to $7) is sent once a batch; $8 to $13 are
-- the parts, each with the place of its batch in these lists. A part is named by its step and its number.
insert into tasker.steps (task_id, idx, unmet, state, priority, name, queue, handler, dependents, part)
select b.task_id, p.idx, p.unmet, p.state, b.priority, b.name || '[' || p.number || ']', b.queue, b.handler, array[b.step], p.part::json
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::smallint[], $5::text[], $6::text[], $7::text[])
    as b (batch, task_id, step, priority, name, queue, handler)
join unnest($8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::text[], $13::text[])
    as p (batch, number, idx, unmet, state, part) using (batch)
order by b.task_id, p.idx
