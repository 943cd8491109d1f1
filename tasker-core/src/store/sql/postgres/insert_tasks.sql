-- Stores tasks with their steps and first events. A task whose idempotency key is taken is left out, steps and all.
-- Tasks of one definition share its plan: the steps are sent once a plan, not once a task.
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
planned as materialized (
    select p.plan, p.idx, p.unmet, p.state, p.name, p.queue, p.handler, p.dependents::integer[] as dependents
    from unnest(
        $18::integer[], $19::integer[], $20::integer[], $21::text[], $22::text[], $23::text[], $24::text[], $26::text[]
    ) as p (plan, idx, unmet, name, queue, handler, dependents, state)
),
sizes as materialized (
    select plan, count(*)::integer as total from planned group by plan
),
stored as (
    insert into tasker.tasks (
        id, template_id, seq, deadline_at, total, priority, namespace, name, version, environment, context,
        initiator, source_system, reason, tags, correlation_id, parent_correlation_id, idempotency_key, rerun_of,
        parent_id, flow
    )
    select
        i.id, i.template_id, 1, now() + i.deadline_ms * interval '1 millisecond', z.total, i.priority, i.namespace, i.name,
        i.version, i.environment, i.context::json, i.initiator, i.source_system, i.reason,
        coalesce(i.tags::text[], '{}'), i.correlation_id, i.parent_correlation_id, i.idempotency_key,
        i.rerun_of, i.parent_id, i.flow::json
    from input i
    join sizes z using (plan)
    order by i.id
    on conflict do nothing
    returning id
),
with_steps as (
    insert into tasker.steps (task_id, idx, unmet, state, due_at, priority, name, queue, handler, dependents)
    select
        i.id, p.idx, p.unmet, p.state, case when p.state = 'waiting' then now() end, i.priority, p.name, p.queue,
        p.handler, p.dependents
    from stored
    join input i using (id)
    join planned p using (plan)
    order by i.id, p.idx
),
with_tags as (
    insert into tasker.task_tags (tag, task_id)
    select distinct t.tag, i.id
    from stored
    join input i using (id)
    cross join lateral unnest(i.tags::text[]) as t (tag)
    where i.tags is not null
),
with_events as (
    insert into tasker.events (task_id, first_seq, at, facts)
    select id, 1, now(), '[{"type":"task.created"}]' from stored
)
select id from stored
