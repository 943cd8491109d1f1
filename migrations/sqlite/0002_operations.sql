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

-- Searching. Whatever is indexed here is fixed when the task is made, or changes only when something goes wrong.
-- Whether an operator has paused, cancelled or closed the task.
alter table tasks add column is_stopped integer not null default 0 check (is_stopped in (0, 1));
create index tasks_apart on tasks (id) where (error is not null or is_stopped);
create index tasks_namespace on tasks (namespace, id);
create index tasks_name on tasks (name, id);
create index tasks_correlation on tasks (correlation_id, id) where correlation_id is not null;
create index tasks_parent_correlation on tasks (parent_correlation_id, id) where parent_correlation_id is not null;
create index tasks_initiator on tasks (initiator, id) where initiator is not null;
create index tasks_source_system on tasks (source_system, id) where source_system is not null;

-- Which tasks have a tag.
create table task_tags (
    tag text not null,
    task_id blob not null,
    primary key (tag, task_id)
) strict, without rowid;
insert or ignore into task_tags (tag, task_id) select tag.value, tasks.id from tasks, json_each(tasks.tags) as tag;

-- Following the log of all tasks: rows are numbered in the order of their commits.
-- Differs from postgres: there is one writer, so that the order of writing is the order of commits.
alter table events add column position integer not null default 0;
update events set position = numbered.position
from (select task_id, first_seq, row_number() over (order by at, task_id, first_seq) as position from events) as numbered
where events.task_id = numbered.task_id and events.first_seq = numbered.first_seq;
create index events_position on events (position);

-- When the worker last took or reported a step.
alter table workers add column worked_at integer;
create index workers_seen on workers (seen_at);

-- Keys for the API. The secret is shown once and kept as its SHA-256.
create table api_keys (
    id blob primary key,
    name text not null,
    -- The beginning of the secret, by which people know it.
    prefix text not null,
    hash blob not null unique,
    permissions text not null,
    created_at integer not null,
    created_by text,
    expires_at integer,
    last_used_at integer,
    revoked_at integer,
    revoked_by text
) strict, without rowid;
