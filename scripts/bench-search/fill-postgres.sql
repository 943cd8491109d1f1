-- Tasks of one step each, as a year of use leaves them behind: most of them complete, some failed or stopped, the newest still
-- open. Made by SQL, since running them would take an hour. psql -v tasks=1000000 -f fill-postgres.sql
\set ON_ERROR_STOP on
set synchronous_commit = off;
set work_mem = '256MB';

-- What is drawn for each task: u, v and w are even between 0 and 1, and the same in every run.
create temporary table drawn as
select
    d.*,
    (lpad(to_hex((extract(epoch from d.created_at) * 1000)::bigint), 12, '0') || '7' || substr(d.hash, 1, 3) || '8'
        || substr(d.hash, 4, 15))::uuid as id,
    case
        when d.age < 0.002 and d.u < 0.5 then 'in_progress'
        when d.age < 0.010 and d.u < 0.9 then 'pending'
        when d.u < 0.020 then 'error'
        when d.u < 0.024 then 'cancelled'
        when d.u < 0.026 then 'resolved_manually'
        when d.u < 0.027 then 'paused'
        else 'complete'
    end as state,
    t.id as template_id, t.namespace, t.name, t.version
from (
    select
        n, hash, (:tasks - n)::float8 / :tasks as age,
        date_trunc('milliseconds', now() - (:tasks - n)::float8 / :tasks * interval '365 days') as created_at,
        ('x' || substr(hash, 19, 4))::bit(16)::integer / 65536.0 as u,
        ('x' || substr(hash, 23, 4))::bit(16)::integer / 65536.0 as v,
        ('x' || substr(hash, 27, 4))::bit(16)::integer / 65536.0 as w
    from (select n, md5(n::text) as hash from generate_series(1, :tasks) as n) as hashed
) as d
-- Half of all tasks are of the first template, a quarter of the second, and so on.
join (select *, row_number() over (order by namespace, name, version) as place from tasker.templates where namespace like 'bench%') as t
    on t.place = least(floor(-ln(1 - d.v) / ln(2)) + 1, (select count(*) from tasker.templates where namespace like 'bench%'));

insert into tasker.tasks (
    id, template_id, seq, created_at, updated_at, completed_at, total, done, active, failed, state, priority, namespace, name,
    version, correlation_id, parent_correlation_id, idempotency_key, initiator, source_system, tags, context, error, is_stopped
)
select
    id, template_id, case state when 'pending' then 2 when 'paused' then 2 when 'in_progress' then 3 else 5 end, created_at,
    created_at + w * interval '1 minute',
    case when state in ('complete', 'error', 'cancelled', 'resolved_manually') then created_at + w * interval '1 minute' end,
    1, (state in ('complete', 'error', 'cancelled', 'resolved_manually'))::integer, (state = 'in_progress')::integer,
    (state = 'error')::integer, state,
    case when w < 0.04 then 5 when w < 0.05 then -5 when w < 0.0502 then 9 else 0 end, namespace, name, version,
    case when v < 0.5 then 'c-' || n / 4 end, case when w > 0.9 then 'c-' || n / 4 end,
    case when u < 0.2 then 'key-' || n end,
    case when v < 0.3 then 'cron' when v < 0.5 then 'user-' || n % 10000 end,
    case when w < 0.5 then 'web' when w < 0.55 then 'import' end,
    case when n % 10 = 0 then array['nightly'] when n % 100 = 1 then array['vip'] when n % 10000 = 2 then array['rare'] else '{}' end,
    json_build_object('order', n, 'customer', 'customer-' || n % 5000 || '@example.net', 'items', array[n % 7, n % 11], 'note', hash),
    case when state = 'error' then '{"kind": "permanent", "code": "declined", "message": "no money"}'::json end,
    state in ('paused', 'cancelled', 'resolved_manually')
from drawn
order by id;

insert into tasker.task_tags (tag, task_id) select unnest(tags), id from tasker.tasks where tags <> '{}';

insert into tasker.steps (task_id, idx, attempt, unmet, due_at, started_at, ended_at, worker_id, state, priority, name, queue, handler, result, error)
select
    id, 0, (state not in ('pending', 'paused'))::integer, 0,
    -- No sweep takes their leases away.
    case when state = 'in_progress' then now() + interval '10 years' end,
    case when state not in ('pending', 'paused') then created_at end,
    case when state in ('complete', 'error', 'cancelled', 'resolved_manually') then created_at + w * interval '1 minute' end,
    case when state not in ('pending', 'paused') then '01890000-0000-7000-8000-000000000001'::uuid end,
    case state when 'pending' then 'enqueued' when 'paused' then 'pending' else state end,
    0, 'step', namespace, 'bench_' || name,
    case when state = 'complete' then json_build_object('ok', true, 'number', n) end,
    case when state = 'error' then '{"kind": "permanent", "code": "declined", "message": "no money"}'::json end
from drawn
order by id;

insert into tasker.events (task_id, first_seq, at, facts)
select
    id, 1, created_at + w * interval '1 minute',
    (
        '[{"type":"task.created"},{"type":"step.enqueued","step":0}' || case
            when state = 'pending' or state = 'paused' then ''
            else ',{"type":"step.started","step":0,"attempt":1,"worker":"01890000-0000-7000-8000-000000000001"}'
        end || case
            when state = 'complete' then ',{"type":"step.completed","step":0,"attempt":1},{"type":"task.completed"}'
            when state in ('error', 'cancelled', 'resolved_manually') then ',{"type":"step.cancelled","step":0},{"type":"task.cancelled"}'
            else ''
        end || ']'
    )::json
from drawn
order by id;

vacuum analyze tasker.tasks;
vacuum analyze tasker.steps;
vacuum analyze tasker.task_tags;
vacuum analyze tasker.events;
