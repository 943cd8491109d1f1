-- Differs from postgres: ?3 is the time until which it is held, ?4 the time now.
insert into relays (name, holder, held_until)
values (?1, ?2, ?3)
on conflict (name) do update
set holder = excluded.holder, held_until = excluded.held_until
where relays.holder is null or relays.holder = excluded.holder or relays.held_until < ?4
returning position, task_id, seq, receipt
