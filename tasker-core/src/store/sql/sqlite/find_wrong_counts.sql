-- Differs from postgres: the steps are counted by one grouping, because SQLite has no lateral join.
select tasks.id as task_id, null as idx
from (select id, total, done, active, failed from tasks order by id desc limit ?1) as tasks
left join steps on steps.task_id = tasks.id
group by tasks.id
having max(tasks.total) <> count(steps.idx)
    or max(tasks.done) <> count(*) filter (where steps.state in ('complete', 'error', 'cancelled', 'skipped', 'resolved_manually'))
    or max(tasks.active) <> count(*) filter (where steps.state = 'in_progress')
    or max(tasks.failed) <> count(*) filter (where steps.state = 'error')
order by tasks.id
limit ?2
