-- Has the steps of tasks ($1), which are locked, claimed by another priority ($2). Those that will never run again stay.
update tasker.steps s
set priority = c.priority
from unnest($1::uuid[], $2::smallint[]) as c (task_id, priority)
where s.task_id = c.task_id and s.state not in ('complete', 'skipped', 'resolved_manually')
