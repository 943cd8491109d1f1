-- Results of all parts of steps, by the request that asks for them; the parts of a step are the indices of a range.
select k.request, s.idx, s.result::text as result
from unnest($1::integer[], $2::uuid[], $3::integer[], $4::integer[]) as k (request, task_id, first, after_last)
join tasker.steps s on s.task_id = k.task_id and s.idx >= k.first and s.idx < k.after_last
where s.result is not null
order by k.request, s.idx
