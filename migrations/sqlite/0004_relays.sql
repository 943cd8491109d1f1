-- How far the log has been carried to others: one row for each receiver.
create table relays (
    name text primary key,
    -- The process that carries it now; another one may take its place from then on.
    holder blob,
    held_until integer,
    -- The place behind the last event that arrived.
    position integer not null default 0,
    task_id blob not null default x'00000000000000000000000000000000',
    seq integer not null default 0,
    moved_at integer,
    -- What the receiver said of where it keeps that event.
    receipt text
) strict, without rowid;
