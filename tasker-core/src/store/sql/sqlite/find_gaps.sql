-- Differs from postgres: the events are counted by one grouping, because SQLite has no lateral join.
select tasks.id as task_id, null as idx
from (select id, seq from tasks order by id desc limit ?1) as tasks
left join events on events.task_id = tasks.id
group by tasks.id
having coalesce(sum(json_array_length(events.facts)), 0) <> max(tasks.seq)
    or coalesce(max(events.first_seq + json_array_length(events.facts)), 1) <> max(tasks.seq) + 1
order by tasks.id
limit ?2
