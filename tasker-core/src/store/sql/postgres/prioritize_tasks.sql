-- Gives tasks ($1), which are locked, another priority ($2).
update tasker.tasks t
set priority = c.priority
from unnest($1::uuid[], $2::smallint[]) as c (id, priority)
where t.id = c.id
