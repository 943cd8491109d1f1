-- What is due at ?1, at most ?2 of each kind: leases that ended, retries and timers (with the step's index), and tasks whose time is
-- over (without). The row without a task tells when the next falls due.
select * from (select task_id, idx, due_at from steps where due_at <= ?1 order by due_at limit ?2)
union all
select * from (select id, null, deadline_at from tasks where deadline_at <= ?1 order by deadline_at limit ?2)
union all
select null, null, min(at)
from (
    select min(due_at) as at from steps where due_at > ?1
    union all
    select min(deadline_at) from tasks where deadline_at > ?1
)
