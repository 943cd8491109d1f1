select position, task_id, first_seq, at, facts
from events
where position >= ?1 and (position > ?1 or task_id >= ?2)
order by position, task_id, first_seq
limit ?3
