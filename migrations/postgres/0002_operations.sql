-- What operators need: a way out of final states.

-- The task that this one runs again.
alter table tasker.tasks add column rerun_of uuid;

-- The steps of a paused task are `pending` though nothing is unmet, so that they are in no queue.
alter table tasker.steps drop constraint steps_check;
alter table tasker.steps add constraint steps_check check (case state
    when 'pending' then due_at is null and ended_at is null
    when 'enqueued' then due_at is null and ended_at is null
    when 'in_progress' then worker_id is not null and attempt > 0 and due_at is not null and ended_at is null
    when 'waiting_for_retry' then due_at is not null and ended_at is null
    when 'waiting' then ended_at is null
    when 'complete' then result is not null and due_at is null and ended_at is not null
    when 'error' then error is not null and due_at is null and ended_at is not null
    else due_at is null and ended_at is not null
end);

-- Searching. Whatever is indexed here is fixed when the task is made, or changes only when something goes wrong, so that a
-- task that just runs through is updated beside itself (HOT) and never in an index.
-- Whether an operator has paused, cancelled or closed the task.
alter table tasker.tasks add column is_stopped boolean not null default false;
create index tasks_apart on tasker.tasks (id) where error is not null or is_stopped;
create index tasks_namespace on tasker.tasks (namespace, id);
create index tasks_name on tasker.tasks (name, id);
create index tasks_correlation on tasker.tasks (correlation_id, id) where correlation_id is not null;
create index tasks_parent_correlation on tasker.tasks (parent_correlation_id, id) where parent_correlation_id is not null;
create index tasks_initiator on tasker.tasks (initiator, id) where initiator is not null;
create index tasks_source_system on tasker.tasks (source_system, id) where source_system is not null;

-- Which tasks have a tag: as an array in an index, a frequent tag would be read as a whole for its newest tasks.
create table tasker.task_tags (
    tag text not null,
    task_id uuid not null,
    primary key (tag, task_id)
);
insert into tasker.task_tags (tag, task_id) select distinct unnest(tags), id from tasker.tasks;

-- Following the log of all tasks. A row's position is the number of the transaction that writes it, or of the newest one that
-- had ended before: whoever knows which transactions are under way knows up to which position nothing can be added. Of two
-- rows of one task, the later never has the lower position, because the statement that writes it begins after the earlier one
-- is committed; its transaction may have the lower number.
alter table tasker.events add column position bigint not null default greatest(
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, pg_current_xact_id()::text::bigint
);
create index events_position on tasker.events (position);

-- When the worker last took or reported a step.
alter table tasker.workers add column worked_at timestamptz;
create index workers_seen on tasker.workers (seen_at);

-- Keys for the API. The secret is shown once and kept as its SHA-256.
create table tasker.api_keys (
    id uuid primary key,
    name text not null,
    -- The beginning of the secret, by which people know it.
    prefix text not null,
    hash bytea not null unique,
    permissions json not null,
    created_at timestamptz not null default now(),
    created_by text,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);
