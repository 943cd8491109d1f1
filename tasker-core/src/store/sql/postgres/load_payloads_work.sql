-- What steps have to do besides what their template says, by the request that asks for it.
select k.request, s.idx, s.part::text as part, s.checkpoint::text as checkpoint
from unnest($1::integer[], $2::uuid[], $3::integer[]) as k (request, task_id, idx)
join tasker.steps s using (task_id, idx)
where s.part is not null or s.checkpoint is not null
order by k.request, s.idx
