-- Results of steps.
select s.task_id, s.idx, s.result::text as result
from unnest($1::uuid[], $2::integer[]) as k (task_id, idx)
join tasker.steps s using (task_id, idx)
where s.result is not null
order by s.task_id, s.idx
