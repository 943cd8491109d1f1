-- Only postgres: SQLite has no writing common table expressions, and needs a statement for each table.
-- Writes the changes of one task, as apply_unchanged does those of several: a lone chain of steps is made of such, and every
-- function scan and every row that need not be joined shortens each of its steps. Gives a row if it was written.
with changed_task as (
    update tasker.tasks
    set state = $2, total = $3, done = $4, active = $5, failed = $6, seq = $7,
        deadline_at = $8, error = $9::text::json, updated_at = $10, completed_at = $11
    where id = $1 and seq = $25
    returning id
),
changed_steps as (
    update tasker.steps s
    set state = c.state, attempt = c.attempt, failures = c.failures, losses = c.losses, unmet = c.unmet, due_at = c.due_at,
        worker_id = c.worker_id, started_at = c.started_at, ended_at = case when s.state = c.state then coalesce(c.ended_at, s.ended_at) else c.ended_at end,
        result = coalesce(c.result::json, s.result), error = coalesce(c.error::json, s.error),
        flow = coalesce(c.flow::json, s.flow)
    from unnest(
        $12::integer[], $13::text[], $14::integer[], $15::integer[], $16::integer[], $17::integer[],
        $18::timestamptz[], $19::uuid[], $20::timestamptz[], $21::timestamptz[], $22::text[], $23::text[], $24::text[]
    ) as c (idx, state, attempt, failures, losses, unmet, due_at, worker_id, started_at, ended_at, result, error, flow)
    where s.task_id = $1 and s.idx = c.idx and exists (select from changed_task)
)
insert into tasker.events (task_id, first_seq, at, facts)
select id, $25 + 1, $10, $26::text::json from changed_task
returning 1
