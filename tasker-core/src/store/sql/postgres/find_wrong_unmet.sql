-- Waiting steps of open tasks, among the $1 newest tasks, whose count of unmet dependencies is not what the others say, or that
-- wait for nothing in a task that is not paused. Parts wait for the leave of their step, which no dependency tells of.
select s.task_id, s.idx
from (select id, state from tasker.tasks order by id desc limit $1) t
join tasker.steps s on s.task_id = t.id and s.state = 'pending' and s.part is null
cross join lateral (
    select count(*) as unmet
    from tasker.steps d
    where d.task_id = s.task_id and s.idx = any(d.dependents) and d.part is null
        and d.state not in ('complete', 'skipped', 'resolved_manually')
) c
where t.state in ('pending', 'in_progress', 'paused') and (s.unmet <> c.unmet or (s.unmet = 0 and t.state <> 'paused'))
order by s.task_id, s.idx
limit $2
