select description, started_at, seen_at, worked_at
from workers
where seen_at >= ?1
order by seen_at desc, id
limit ?2
