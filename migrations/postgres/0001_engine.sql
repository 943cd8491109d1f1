-- Everything that Tasker keeps. No extension, no superuser; PostgreSQL 14 and up.
-- There are no foreign keys between hot tables: each would cost a lookup per row, and the engine writes the rows of a
-- task in one transaction.

create schema if not exists tasker;

-- States and counts are domains: a session reads the conditions of a domain once, but those of a table with every statement
-- that writes to it, which for lists as long as these took as long as writing the rows.
create domain tasker.task_state as text check (value in (
    'pending', 'in_progress', 'paused', 'blocked_by_failures', 'complete', 'error', 'cancelled', 'resolved_manually'
));
create domain tasker.step_state as text check (value in (
    'pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
    'complete', 'error', 'cancelled', 'skipped', 'resolved_manually'
));
create domain tasker.count as integer check (value >= 0);

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
    total tasker.count not null,
    done tasker.count not null default 0,
    active tasker.count not null default 0,
    failed tasker.count not null default 0,
    state tasker.task_state not null default 'pending',
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
    -- A final task has an end, and no deadline any more; only one without open steps is complete.
    check (active <= total and done <= total and failed <= done and case state
        when 'complete' then done = total and failed = 0 and active = 0 and completed_at is not null and deadline_at is null
        when 'error' then error is not null and completed_at is not null and deadline_at is null
        when 'cancelled' then completed_at is not null and deadline_at is null
        when 'resolved_manually' then completed_at is not null and deadline_at is null
        else completed_at is null
    end)
) with (fillfactor = 50);

create unique index tasks_idempotency on tasker.tasks (namespace, name, idempotency_key)
    where idempotency_key is not null;
create index tasks_deadline on tasker.tasks (deadline_at) where deadline_at is not null;

create table tasker.steps (
    task_id uuid not null,
    idx tasker.count not null,
    attempt tasker.count not null default 0,
    failures tasker.count not null default 0,
    losses tasker.count not null default 0,
    unmet tasker.count not null,
    due_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    worker_id uuid,
    state tasker.step_state not null,
    priority smallint not null,
    name text not null,
    queue text not null,
    handler text not null,
    dependents integer[],
    result json,
    error json,
    primary key (task_id, idx),
    -- Nothing can be stuck: what is not final has an unmet dependency, stands in a queue, or has a time at which it is due.
    check (case state
        when 'pending' then unmet > 0 and due_at is null and ended_at is null
        when 'enqueued' then due_at is null and ended_at is null
        when 'in_progress' then worker_id is not null and attempt > 0 and due_at is not null and ended_at is null
        when 'waiting_for_retry' then due_at is not null and ended_at is null
        when 'waiting' then ended_at is null
        when 'complete' then result is not null and due_at is null and ended_at is not null
        when 'error' then error is not null and due_at is null and ended_at is not null
        else due_at is null and ended_at is not null
    end)
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
