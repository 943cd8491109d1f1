-- Results of steps, by the request that asks for them.
select k.request, s.idx, s.result::text as result
from unnest($1::integer[], $2::uuid[], $3::integer[]) as k (request, task_id, idx)
join tasker.steps s using (task_id, idx)
where s.result is not null
order by k.request, s.idx
