-- What operators need: a way out of final states.

-- The task that this one runs again.
alter table tasks add column rerun_of blob;

-- The steps of a paused task are `pending` though nothing is unmet, so that they are in no queue.
-- Differs from postgres: a CHECK cannot be changed in place, so that the table is written anew.
alter table steps rename to steps_before;
create table steps (
    task_id blob not null,
    idx integer not null check (idx >= 0),
    attempt integer not null default 0 check (attempt >= 0),
    failures integer not null default 0 check (failures >= 0),
    losses integer not null default 0 check (losses >= 0),
    unmet integer not null check (unmet >= 0),
    due_at integer,
    started_at integer,
    ended_at integer,
    worker_id blob,
    state text not null check (state in (
        'pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
        'complete', 'error', 'cancelled', 'skipped', 'resolved_manually'
    )),
    priority integer not null,
    name text not null,
    queue text not null,
    handler text not null,
    dependents text,
    result text,
    error text,
    primary key (task_id, idx),
    check (state not in ('in_progress', 'waiting_for_retry') or due_at is not null),
    check (due_at is null or state in ('in_progress', 'waiting_for_retry', 'waiting')),
    check ((ended_at is not null) = (state in ('complete', 'error', 'cancelled', 'skipped', 'resolved_manually'))),
    check (state <> 'in_progress' or (worker_id is not null and attempt > 0)),
    check (state <> 'complete' or result is not null),
    check (state <> 'error' or error is not null)
) strict, without rowid;
insert into steps select * from steps_before;
drop table steps_before;
create index steps_claim on steps (queue, handler, priority desc, task_id, idx) where state = 'enqueued';
create index steps_due on steps (due_at) where due_at is not null;
