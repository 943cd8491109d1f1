-- Tasks that ended before $1, the oldest first: at most $4 of those behind $2 and before $3. Left alone are those of which a
-- receiver has not got all events, and those whose parent is still under way. Spans hold nothing back: they are of what is new.
select t.id
from tasker.tasks t
where t.id > $2 and t.id < $3 and t.completed_at < $1
    and not exists (
        select 1 from tasker.relays r
        join tasker.events e on e.task_id = t.id and (e.position, e.task_id, e.first_seq) > (r.position, r.task_id, r.seq)
        where r.name <> 'spans'
    )
    and not exists (select 1 from tasker.tasks p where p.id = t.parent_id and p.completed_at is null)
order by t.id
limit $4
