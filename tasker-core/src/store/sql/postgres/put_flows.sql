-- Says of tasks ($1), which are locked, where they stand in a flow ($2).
update tasker.tasks t
set flow = c.flow::json
from unnest($1::uuid[], $2::text[]) as c (id, flow)
where t.id = c.id
