-- Tasks, among the $1 newest, whose events are not numbered from 1 to the last one without a gap.
select t.id as task_id, null::integer as idx
from (select id, seq from tasker.tasks order by id desc limit $1) t
cross join lateral (
    select coalesce(sum(json_array_length(e.facts)), 0) as events, coalesce(max(e.first_seq + json_array_length(e.facts)), 1) as next
    from tasker.events e
    where e.task_id = t.id
) c
where c.events <> t.seq or c.next <> t.seq + 1
order by t.id
limit $2
