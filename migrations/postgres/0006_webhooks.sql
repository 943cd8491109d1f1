-- Webhooks: what happens, sent to an address over HTTP. How far each has come is a row of `relays`, like that of every receiver.
create table tasker.webhooks (
    id uuid primary key,
    -- JSON: name, address, filters and bounds. They never change.
    definition json not null,
    state text not null default 'active' check (state in ('active', 'disabled', 'failed')),
    -- Deliveries that failed one after the other, up to now.
    failures integer not null default 0,
    -- What signs each message: it has to be known, and is shown once.
    secret text not null,
    -- Signs too until then, so that the receiver can change over.
    previous_secret text,
    previous_until timestamptz,
    created_at timestamptz not null default now(),
    created_by text,
    created_because text,
    -- The last change of the state or of the secret.
    changed_at timestamptz,
    changed_by text,
    changed_because text,
    -- When a delivery was last asked for again.
    asked_at timestamptz,
    -- The process that sends now; another one may take its place from then on.
    holder uuid,
    held_until timestamptz
);

-- What was sent, or is being sent: events that go together.
create table tasker.webhook_deliveries (
    id uuid primary key,
    webhook_id uuid not null,
    -- The place in the log before the first event. Each is sent by one delivery.
    position bigint not null,
    task_id uuid not null,
    seq bigint not null,
    -- The place behind the last event, as text.
    until text not null,
    events integer not null,
    -- The type of the first event.
    type text not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    tries_left integer not null,
    due_at timestamptz,
    -- JSON: when it was tried, and what came of it.
    tries json not null default '[]',
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    -- Who last had it sent again, when and why.
    asked_at timestamptz,
    asked_by text,
    asked_because text,
    check ((state = 'pending') = (due_at is not null) and (state = 'pending') = (ended_at is null)),
    unique (webhook_id, position, task_id, seq)
);
create index webhook_deliveries_pending on tasker.webhook_deliveries (webhook_id, due_at) where state = 'pending';
create index webhook_deliveries_newest on tasker.webhook_deliveries (webhook_id, id);
