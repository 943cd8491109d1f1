-- Only sqlite: it has no writing common table expressions, so that each table takes a statement. Several are sent in one call,
-- which is why their parameters are numbered together, as $n: with ?n, numbers left out would count.
-- $1: the tasks.
update tasks
set
    state = change.value ->> 'state',
    total = change.value ->> 'total',
    done = change.value ->> 'done',
    active = change.value ->> 'active',
    failed = change.value ->> 'failed',
    seq = change.value ->> 'seq',
    deadline_at = change.value ->> 'deadline_at',
    error = change.value ->> 'error',
    updated_at = change.value ->> 'updated_at',
    completed_at = change.value ->> 'completed_at',
    is_stopped = is_stopped or change.value ->> 'state' in ('paused', 'cancelled', 'resolved_manually')
from jsonb_each($1) as change
where tasks.id = unhex(change.value ->> 'id')
