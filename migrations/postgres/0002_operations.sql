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
