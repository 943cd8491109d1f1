-- Only sqlite: it has no writing common table expressions, so that each table takes a statement. See apply_tasks.
-- $3: the steps.
update steps
set
    state = change.value ->> 'state',
    attempt = change.value ->> 'attempt',
    failures = change.value ->> 'failures',
    losses = change.value ->> 'losses',
    unmet = change.value ->> 'unmet',
    due_at = change.value ->> 'due_at',
    worker_id = unhex(change.value ->> 'worker_id'),
    started_at = change.value ->> 'started_at',
    ended_at = case
        when state = change.value ->> 'state' then coalesce(change.value ->> 'ended_at', ended_at)
        else change.value ->> 'ended_at'
    end,
    result = coalesce(change.value ->> 'result', result),
    error = coalesce(change.value ->> 'error', error),
    flow = coalesce(change.value ->> 'flow', flow)
from jsonb_each($3) as change
where steps.task_id = unhex(change.value ->> 'task_id') and steps.idx = change.value ->> 'idx'
