-- Locks tasks ($1) in the order of their ids, and tells at which event each of them stands. Whoever waited for a lock is given the
-- row as it is then.
select id, seq, clock_timestamp() as now
from tasker.tasks
where id = any($1)
order by id
for no key update
