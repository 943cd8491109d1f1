-- Writes the changes of one decision, as apply does, if every task still stands at the event that the decision saw ($30):
-- all or nothing, in one statement and so in one round trip. Every change of a task moves its `seq`, so that a task with
-- the same `seq` is the same task. Answers whether it was written.
with unchanged as materialized (
    -- Locks in the order given, which is ascending; a row that had to be waited for is compared as it is now.
    select t.id
    from unnest($1::uuid[], $30::bigint[]) as seen (id, seq)
    join tasker.tasks t on t.id = seen.id and t.seq = seen.seq
    for no key update of t
),
verdict as materialized (
    select count(*) = cardinality($1::uuid[]) as is_unchanged from unchanged
),
changed_tasks as (
    update tasker.tasks t
    set state = c.state, total = c.total, done = c.done, active = c.active, failed = c.failed, seq = c.seq,
        deadline_at = c.deadline_at, error = c.error::json, updated_at = c.updated_at, completed_at = c.completed_at,
        is_stopped = t.is_stopped or c.state in ('paused', 'cancelled', 'resolved_manually')
    from unnest(
        $1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::bigint[],
        $8::timestamptz[], $9::text[], $10::timestamptz[], $11::timestamptz[]
    ) as c (id, state, total, done, active, failed, seq, deadline_at, error, updated_at, completed_at)
    where t.id = c.id and (select is_unchanged from verdict)
),
changed_steps as (
    update tasker.steps s
    set state = c.state, attempt = c.attempt, failures = c.failures, losses = c.losses, unmet = c.unmet, due_at = c.due_at,
        worker_id = c.worker_id, started_at = c.started_at, ended_at = case when s.state = c.state then coalesce(c.ended_at, s.ended_at) else c.ended_at end,
        result = coalesce(c.result::json, s.result), error = coalesce(c.error::json, s.error),
        flow = coalesce(c.flow::json, s.flow)
    from unnest(
        $12::uuid[], $13::integer[], $14::text[], $15::integer[], $16::integer[], $17::integer[], $18::integer[],
        $19::timestamptz[], $20::uuid[], $21::timestamptz[], $22::timestamptz[], $23::text[], $24::text[], $25::text[]
    ) as c (
        task_id, idx, state, attempt, failures, losses, unmet,
        due_at, worker_id, started_at, ended_at, result, error, flow
    )
    where s.task_id = c.task_id and s.idx = c.idx and (select is_unchanged from verdict)
),
written as (
    insert into tasker.events (task_id, first_seq, at, facts)
    select task_id, first_seq, at, facts::json
    from unnest($26::uuid[], $27::bigint[], $28::timestamptz[], $29::text[]) as e (task_id, first_seq, at, facts)
    where (select is_unchanged from verdict)
)
select is_unchanged from verdict
