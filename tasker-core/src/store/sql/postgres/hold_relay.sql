-- $1 name, $2 holder, $3 milliseconds. No row: another process holds it.
insert into tasker.relays (name, holder, held_until)
values ($1, $2, now() + $3 * interval '1 millisecond')
on conflict (name) do update
set holder = excluded.holder, held_until = excluded.held_until
where relays.holder is null or relays.holder = excluded.holder or relays.held_until < now()
returning position, task_id, seq, receipt::text as receipt
