-- Tasks, among the $1 newest, whose counters are not what their steps say.
select t.id as task_id, null::integer as idx
from (select id, total, done, active, failed from tasker.tasks order by id desc limit $1) t
cross join lateral (
    select
        count(*) as total,
        count(*) filter (where s.state in ('complete', 'error', 'cancelled', 'skipped', 'resolved_manually')) as done,
        count(*) filter (where s.state = 'in_progress') as active,
        count(*) filter (where s.state = 'error') as failed
    from tasker.steps s
    where s.task_id = t.id
) c
where (t.total, t.done, t.active, t.failed) is distinct from (c.total, c.done, c.active, c.failed)
order by t.id
limit $2
