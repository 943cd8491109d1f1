-- Stores tasks with their steps and first events. A task whose idempotency key is taken is left out, steps and all.
-- Tasks of one definition share its plan: the steps are sent once a plan, not once a task. Steps that were handed to a worker
-- before anybody else saw them make a plan of their own.
-- What was stored is looked up as a hashed subplan (`is true` keeps it from becoming a join): the connection has no hash joins,
-- and a nested loop would compare every task with every task.
with input as materialized (
    select *
    from unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bigint[], $17::integer[],
        $25::uuid[], $27::uuid[], $28::text[]
    ) as t (
        id, template_id, namespace, name, version, environment, priority, context,
        initiator, source_system, reason, tags, correlation_id, parent_correlation_id, idempotency_key, deadline_ms, plan,
        rerun_of, parent_id, flow
    )
),
plans as materialized (
    select *
    from unnest($29::integer[], $30::text[], $31::bigint[], $32::integer[], $33::timestamptz[], $34::text[]) with ordinality
        as z (total, state, seq, active, at, facts, number)
),
planned as materialized (
    select
        p.plan, p.idx, p.unmet, p.state, p.name, p.queue, p.handler, p.dependents::integer[] as dependents,
        p.attempt, p.worker_id, p.due_at, p.started_at
    from unnest(
        $18::integer[], $19::integer[], $20::integer[], $21::text[], $22::text[], $23::text[], $24::text[], $26::text[],
        $35::integer[], $36::uuid[], $37::timestamptz[], $38::timestamptz[]
    ) as p (plan, idx, unmet, name, queue, handler, dependents, state, attempt, worker_id, due_at, started_at)
),
stored as (
    insert into tasker.tasks (
        id, template_id, seq, updated_at, deadline_at, total, active, state, priority, created_at, namespace, name, version,
        environment, context, initiator, source_system, reason, tags, correlation_id, parent_correlation_id, idempotency_key,
        rerun_of, parent_id, flow
    )
    select
        i.id, i.template_id, z.seq, coalesce(z.at, now()), now() + i.deadline_ms * interval '1 millisecond', z.total, z.active,
        z.state, i.priority, coalesce(z.at, now()), i.namespace, i.name, i.version, i.environment, i.context::json, i.initiator,
        i.source_system, i.reason, coalesce(i.tags::text[], '{}'), i.correlation_id, i.parent_correlation_id,
        i.idempotency_key, i.rerun_of, i.parent_id, i.flow::json
    from input i
    join plans z on z.number = i.plan
    order by i.id
    on conflict do nothing
    returning id
),
with_steps as (
    insert into tasker.steps (
        task_id, idx, attempt, unmet, due_at, started_at, worker_id, state, priority, name, queue, handler, dependents
    )
    select
        i.id, p.idx, p.attempt, p.unmet, case when p.state = 'waiting' then now() else p.due_at end, p.started_at, p.worker_id,
        p.state, i.priority, p.name, p.queue, p.handler, p.dependents
    from input i
    join planned p using (plan)
    where (i.id in (select id from stored)) is true
    order by i.id, p.idx
),
with_tags as (
    insert into tasker.task_tags (tag, task_id)
    select distinct t.tag, i.id
    from input i
    cross join lateral unnest(i.tags::text[]) as t (tag)
    where i.tags is not null and (i.id in (select id from stored)) is true
),
with_events as (
    insert into tasker.events (task_id, first_seq, at, facts)
    select i.id, 1, coalesce(z.at, now()), z.facts::json
    from input i
    join plans z on z.number = i.plan
    where (i.id in (select id from stored)) is true
)
select id from stored
