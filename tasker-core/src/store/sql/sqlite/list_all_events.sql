-- Differs from postgres: what can be read is committed in the order of its positions, so that there is no end to mind.
select position, task_id, first_seq, at, facts
from events
where position >= ?1 and (position > ?1 or task_id >= ?2)
order by position, task_id, first_seq
limit ?3
