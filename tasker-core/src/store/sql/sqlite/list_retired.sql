-- Differs from postgres: the newest row of the log stays, since the next position is counted from it.
select t.id
from tasks t
where t.id > ?2 and t.id < ?3 and t.completed_at < ?1
    and not exists (
        select 1 from relays r
        join events e on e.task_id = t.id and (e.position, e.task_id, e.first_seq) > (r.position, r.task_id, r.seq)
        where r.name <> 'spans'
    )
    and not exists (select 1 from tasks p where p.id = t.parent_id and p.completed_at is null)
    and not exists (select 1 from events e where e.task_id = t.id and e.position = (select max(position) from events))
order by t.id
limit ?4
