-- Differs from postgres: ?1 is the time now; what can be read is committed in the order of its positions.
select
    name, case when held_until >= ?1 then holder end as holder, position, task_id, seq, receipt, moved_at,
    (
        select e.at from events e
        where e.position >= relays.position and (e.position, e.task_id, e.first_seq) > (relays.position, relays.task_id, relays.seq)
        order by e.position, e.task_id, e.first_seq
        limit 1
    ) as behind_since
from relays
order by name
