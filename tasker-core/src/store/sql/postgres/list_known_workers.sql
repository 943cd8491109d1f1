-- Workers that were seen since $1, the latest first.
select description::text as description, started_at, seen_at, worked_at
from tasker.workers
where seen_at >= $1
order by seen_at desc, id
limit $2
