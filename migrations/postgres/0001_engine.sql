-- Everything that Tasker keeps. No extension, no superuser; PostgreSQL 14 and up.
-- There are no foreign keys between hot tables: each would cost a lookup per row, and the engine writes the rows of a
-- task in one transaction.

create schema if not exists tasker;

-- Registered template versions; rows never change.
create table tasker.templates (
    id uuid primary key,
    namespace text not null,
    name text not null,
    version text not null,
    description text,
    -- The canonical template, as text-preserving json: equal templates have equal texts.
    definition json not null,
    created_at timestamptz not null default now(),
    unique (namespace, name, version)
);

-- Which queue and handler name each template uses, so that a worker asks for routes that exist only.
create table tasker.routes (
    queue text not null,
    handler text not null,
    primary key (queue, handler)
);

-- Every row of tasks and steps is written about three times within a moment. With room for that on its page (fillfactor), a
-- new version stays beside the old one: less log, no new index entry for tasks, and pages that clean themselves.
create table tasker.tasks (
    id uuid primary key,
    template_id uuid not null,
    -- Changes with every decision; next to each other, so that an update writes little log.
    seq bigint not null,
    updated_at timestamptz not null default now(),
    completed_at timestamptz,
    deadline_at timestamptz,
    total integer not null check (total > 0),
    done integer not null default 0 check (done between 0 and total),
    active integer not null default 0 check (active between 0 and total),
    failed integer not null default 0 check (failed between 0 and done),
    state text not null default 'pending' check (state in (
        'pending', 'in_progress', 'paused', 'blocked_by_failures',
        'complete', 'error', 'cancelled', 'resolved_manually'
    )),
    -- Fixed at submission.
    priority smallint not null default 0,
    created_at timestamptz not null default now(),
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
    tags text[] not null default '{}',
    context json not null,
    error json,
    -- A final task has an end, and no deadline any more; any other has none. Only a task without open steps is complete.
    check ((completed_at is not null) = (state in ('complete', 'error', 'cancelled', 'resolved_manually'))),
    check (completed_at is null or deadline_at is null),
    check (state <> 'complete' or (done = total and failed = 0 and active = 0)),
    check (state <> 'error' or error is not null)
) with (fillfactor = 50);

create unique index tasks_idempotency on tasker.tasks (namespace, name, idempotency_key)
    where idempotency_key is not null;
create index tasks_deadline on tasker.tasks (deadline_at) where deadline_at is not null;

create table tasker.steps (
    task_id uuid not null,
    idx integer not null check (idx >= 0),
    attempt integer not null default 0 check (attempt >= 0),
    failures integer not null default 0 check (failures >= 0),
    losses integer not null default 0 check (losses >= 0),
    unmet integer not null check (unmet >= 0),
    due_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    worker_id uuid,
    state text not null check (state in (
        'pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
        'complete', 'error', 'cancelled', 'skipped', 'resolved_manually'
    )),
    priority smallint not null,
    name text not null,
    queue text not null,
    handler text not null,
    dependents integer[],
    result json,
    error json,
    primary key (task_id, idx),
    -- Nothing can be stuck: what is not final has an unmet dependency, stands in a queue, or has a time at which it is due.
    check ((state = 'pending') <= (unmet > 0)),
    check (state not in ('in_progress', 'waiting_for_retry') or due_at is not null),
    check (due_at is null or state in ('in_progress', 'waiting_for_retry', 'waiting')),
    check ((ended_at is not null) = (state in ('complete', 'error', 'cancelled', 'skipped', 'resolved_manually'))),
    check (state <> 'in_progress' or (worker_id is not null and attempt > 0)),
    check (state <> 'complete' or result is not null),
    check (state <> 'error' or error is not null)
) with (fillfactor = 50);

-- What a claim reads, in its order. Only claimable rows are in it, so that finished ones cost nothing.
create index steps_claim on tasker.steps (queue, handler, priority desc, task_id, idx) where state = 'enqueued';
-- What the sweep reads: leases, retries and timers by the time at which they are due.
create index steps_due on tasker.steps (due_at) where due_at is not null;

-- The event log: one row for the events of one task in one commit. Event i (from 0) of `facts` has the number
-- first_seq + i; numbers count from 1 in each task, without gaps.
create table tasker.events (
    task_id uuid not null,
    first_seq bigint not null check (first_seq > 0),
    at timestamptz not null,
    facts json not null,
    primary key (task_id, first_seq)
);

-- One row for each event, for people who read the database.
create view tasker.event as
select e.task_id, e.first_seq + f.ordinality - 1 as seq, e.at, f.fact ->> 'type' as type, f.fact
from tasker.events e
cross join lateral json_array_elements(e.facts) with ordinality as f (fact, ordinality);

-- Worker processes, as they last described themselves.
create table tasker.workers (
    id uuid primary key,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    description json not null
);

-- Finished rows pile up in place; the hot tables are vacuumed by their own pace, not by a fraction of their history.
alter table tasker.steps set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table tasker.tasks set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
