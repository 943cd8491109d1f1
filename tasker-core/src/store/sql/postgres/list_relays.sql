-- With the time of the oldest event that has not arrived, as far as no transaction under way can put one before it ($1).
select
    name, case when held_until >= now() then holder end as holder, position, task_id, seq, receipt::text as receipt, moved_at,
    (
        select e.at from tasker.events e
        where e.position >= relays.position and (e.position, e.task_id, e.first_seq) > (relays.position, relays.task_id, relays.seq) and e.position < $1
        order by e.position, e.task_id, e.first_seq
        limit 1
    ) as behind_since
from tasker.relays
order by name
