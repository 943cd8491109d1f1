-- How far the log has been carried to others: one row for each receiver.
create table tasker.relays (
    name text primary key,
    -- The process that carries it now; another one may take its place from then on.
    holder uuid,
    held_until timestamptz,
    -- The place behind the last event that arrived.
    position bigint not null default 0,
    task_id uuid not null default '00000000-0000-0000-0000-000000000000',
    seq bigint not null default 0,
    moved_at timestamptz,
    -- What the receiver said of where it keeps that event.
    receipt json
);
