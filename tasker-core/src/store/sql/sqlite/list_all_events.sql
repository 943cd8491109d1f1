-- Differs from postgres: what can be read is committed in the order of its positions, so that there is no end to mind.
select e.position, e.task_id, e.first_seq, e.at, e.facts, t.template_id, t.environment
from events e
left join tasks t on t.id = e.task_id
where e.position >= ?1 and (e.position > ?1 or e.task_id >= ?2)
order by e.position, e.task_id, e.first_seq
limit ?3
