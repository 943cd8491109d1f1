select steps.task_id, steps.idx
from (select id, state from tasks order by id desc limit ?1) as tasks
cross join steps on steps.task_id = tasks.id and steps.state = 'pending' and steps.part is null
where tasks.state in ('pending', 'in_progress', 'paused')
    and (
        (steps.unmet = 0 and tasks.state <> 'paused')
        or steps.unmet <> (
            select count(*)
            from steps as before, json_each(before.dependents) as dependent
            where before.task_id = steps.task_id and dependent.value = steps.idx and before.part is null
                and before.state not in ('complete', 'skipped', 'resolved_manually')
        )
    )
order by steps.task_id, steps.idx
limit ?2
