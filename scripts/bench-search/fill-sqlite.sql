-- The same tasks as in fill-postgres.sql; bench-search.py runs it, and brings the functions unhex and ln, which not every SQLite has.
-- SQLite has no hash function: a multiplication by an odd number, modulo a power of two, takes its place.
pragma synchronous = off;
pragma cache_size = -262144;
pragma temp_store = memory;
begin immediate;

create temporary table kinds as
select row_number() over (order by namespace, name, version) as place, id, namespace, name, version
from templates
where namespace like 'bench%';

create temporary table drawn as
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :tasks),
hashed as (
    select
        n, cast(:tasks - n as real) / :tasks as age,
        (unixepoch() * 1000 - cast(cast(:tasks - n as real) / :tasks * 365 * 86400000 as integer)) as created_ms,
        ((n * 2654435761) % 4294967296) as hash, ((n * 2246822519 + 7) % 4294967296) / 4294967296.0 as u,
        ((n * 3266489917 + 11) % 4294967296) / 4294967296.0 as v, ((n * 668265263 + 13) % 4294967296) / 4294967296.0 as w
    from numbers
),
placed as (
    select hashed.*, min(cast(-ln(1 - v) / ln(2) as integer) + 1, (select count(*) from kinds)) as place from hashed
)
select
    n, hash, u, v, w, created_ms,
    unhex(printf('%012x7%03x8%03x%012x', created_ms, hash % 4096, hash / 4096 % 4096, n)) as id,
    case
        when age < 0.002 and u < 0.5 then 'in_progress'
        when age < 0.010 and u < 0.9 then 'pending'
        when u < 0.020 then 'error'
        when u < 0.024 then 'cancelled'
        when u < 0.026 then 'resolved_manually'
        when u < 0.027 then 'paused'
        else 'complete'
    end as state,
    kinds.id as template_id, kinds.namespace, kinds.name, kinds.version
from placed
join kinds on kinds.place = placed.place;

insert into tasks (
    id, template_id, seq, created_at, updated_at, completed_at, total, done, active, failed, state, priority, namespace, name,
    version, correlation_id, parent_correlation_id, idempotency_key, initiator, source_system, tags, context, error, is_stopped
)
select
    id, template_id, case state when 'pending' then 2 when 'paused' then 2 when 'in_progress' then 3 else 5 end, created_ms * 1000,
    created_ms * 1000 + cast(w * 60000000 as integer),
    case when state in ('complete', 'error', 'cancelled', 'resolved_manually') then created_ms * 1000 + cast(w * 60000000 as integer) end,
    1, state in ('complete', 'error', 'cancelled', 'resolved_manually'), state = 'in_progress', state = 'error', state,
    case when w < 0.04 then 5 when w < 0.05 then -5 when w < 0.0502 then 9 else 0 end, namespace, name, version,
    case when v < 0.5 then 'c-' || n / 4 end, case when w > 0.9 then 'c-' || n / 4 end,
    case when u < 0.2 then 'key-' || n end,
    case when v < 0.3 then 'cron' when v < 0.5 then 'user-' || n % 10000 end,
    case when w < 0.5 then 'web' when w < 0.55 then 'import' end,
    case when n % 10 = 0 then '["nightly"]' when n % 100 = 1 then '["vip"]' when n % 10000 = 2 then '["rare"]' else '[]' end,
    json_object('order', n, 'customer', 'customer-' || n % 5000 || '@example.net', 'items', json_array(n % 7, n % 11), 'note', hash),
    case when state = 'error' then '{"kind": "permanent", "code": "declined", "message": "no money"}' end,
    state in ('paused', 'cancelled', 'resolved_manually')
from drawn
order by n;

insert into task_tags (tag, task_id)
select case when n % 10 = 0 then 'nightly' when n % 100 = 1 then 'vip' else 'rare' end, id
from drawn
where n % 10 = 0 or n % 100 = 1 or n % 10000 = 2
order by 1, 2;

insert into steps (task_id, idx, attempt, unmet, due_at, started_at, ended_at, worker_id, state, priority, name, queue, handler, result, error)
select
    id, 0, state not in ('pending', 'paused'), 0,
    -- No sweep takes their leases away.
    case when state = 'in_progress' then (unixepoch() + 315360000) * 1000000 end,
    case when state not in ('pending', 'paused') then created_ms * 1000 end,
    case when state in ('complete', 'error', 'cancelled', 'resolved_manually') then created_ms * 1000 + cast(w * 60000000 as integer) end,
    case when state not in ('pending', 'paused') then unhex('01890000000070008000000000000001') end,
    case state when 'pending' then 'enqueued' when 'paused' then 'pending' else state end,
    0, 'step', namespace, 'bench_' || name,
    case when state = 'complete' then json_object('ok', json('true'), 'number', n) end,
    case when state = 'error' then '{"kind": "permanent", "code": "declined", "message": "no money"}' end
from drawn
order by n;

insert into events (task_id, first_seq, at, facts, position)
select
    id, 1, created_ms * 1000 + cast(w * 60000000 as integer),
    '[{"type":"task.created"},{"type":"step.enqueued","step":0}' || case
        when state in ('pending', 'paused') then ''
        else ',{"type":"step.started","step":0,"attempt":1,"worker":"01890000-0000-7000-8000-000000000001"}'
    end || case
        when state = 'complete' then ',{"type":"step.completed","step":0,"attempt":1},{"type":"task.completed"}'
        when state in ('error', 'cancelled', 'resolved_manually') then ',{"type":"step.cancelled","step":0},{"type":"task.cancelled"}'
        else ''
    end || ']',
    n
from drawn
order by n;
commit;
