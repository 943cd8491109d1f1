-- Everything that Tasker keeps; the same tables as on PostgreSQL. Differs from postgres: ids are 16-byte blobs, times are
-- microseconds since 1970 in UTC, json is text as it was given, lists are json. All tables are strict, since SQLite would
-- else take any value in any column.
-- Tables whose rows are short are kept in the order of their key (without rowid): one tree to write instead of two.

-- Registered template versions; rows never change.
create table templates (
    id blob primary key,
    namespace text not null,
    name text not null,
    version text not null,
    description text,
    -- The canonical template: equal templates have equal texts.
    definition text not null,
    created_at integer not null,
    unique (namespace, name, version)
) strict;

-- Which queue and handler name each template uses, so that a worker asks for routes that exist only.
create table routes (
    queue text not null,
    handler text not null,
    primary key (queue, handler)
) strict, without rowid;

create table tasks (
    id blob primary key,
    template_id blob not null,
    -- Changes with every decision.
    seq integer not null,
    updated_at integer not null,
    completed_at integer,
    deadline_at integer,
    total integer not null check (total > 0),
    done integer not null default 0 check (done between 0 and total),
    active integer not null default 0 check (active between 0 and total),
    failed integer not null default 0 check (failed between 0 and done),
    state text not null default 'pending' check (state in (
        'pending', 'in_progress', 'paused', 'blocked_by_failures',
        'complete', 'error', 'cancelled', 'resolved_manually'
    )),
    -- Fixed at submission.
    priority integer not null default 0,
    created_at integer not null,
    namespace text not null,
    name text not null,
    version text not null,
    environment text,
    correlation_id text,
    parent_correlation_id text,
    idempotency_key text,
    initiator text,
    source_system text,
    reason text,
    tags text not null default '[]',
    error text,
    -- Last, behind what changes: a change then leaves the pages of a long input alone.
    context text not null,
    -- A final task has an end, and no deadline any more; any other has none. Only a task without open steps is complete.
    check ((completed_at is not null) = (state in ('complete', 'error', 'cancelled', 'resolved_manually'))),
    check (completed_at is null or deadline_at is null),
    check (state <> 'complete' or (done = total and failed = 0 and active = 0)),
    check (state <> 'error' or error is not null)
) strict;

create unique index tasks_idempotency on tasks (namespace, name, idempotency_key)
    where idempotency_key is not null;
create index tasks_deadline on tasks (deadline_at) where deadline_at is not null;

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
    -- Nothing can be stuck: what is not final has an unmet dependency, stands in a queue, or has a time at which it is due.
    check ((state = 'pending') <= (unmet > 0)),
    check (state not in ('in_progress', 'waiting_for_retry') or due_at is not null),
    check (due_at is null or state in ('in_progress', 'waiting_for_retry', 'waiting')),
    check ((ended_at is not null) = (state in ('complete', 'error', 'cancelled', 'skipped', 'resolved_manually'))),
    check (state <> 'in_progress' or (worker_id is not null and attempt > 0)),
    check (state <> 'complete' or result is not null),
    check (state <> 'error' or error is not null)
) strict, without rowid;

-- What a claim reads, in its order. Only claimable rows are in it, so that finished ones cost nothing.
create index steps_claim on steps (queue, handler, priority desc, task_id, idx) where state = 'enqueued';
-- What the sweep reads: leases, retries and timers by the time at which they are due.
create index steps_due on steps (due_at) where due_at is not null;

-- The event log: one row for the events of one task in one commit. Event i (from 0) of `facts` has the number
-- first_seq + i; numbers count from 1 in each task, without gaps.
create table events (
    task_id blob not null,
    first_seq integer not null check (first_seq > 0),
    at integer not null,
    facts text not null,
    primary key (task_id, first_seq)
) strict, without rowid;

-- One row for each event, for people who read the database.
create view event as
select e.task_id, e.first_seq + f.key as seq, e.at, f.value ->> 'type' as type, f.value as fact
from events e, json_each(e.facts) f;

-- Worker processes, as they last described themselves.
create table workers (
    id blob primary key,
    started_at integer not null,
    seen_at integer not null,
    description text not null
) strict, without rowid;
