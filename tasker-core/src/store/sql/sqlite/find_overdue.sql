-- Differs from postgres: the time is given (?3), because SQLite's clock is the store's.
select task_id, idx
from steps
where due_at < ?3 - 60000000 and ?1 is not null
order by due_at
limit ?2
