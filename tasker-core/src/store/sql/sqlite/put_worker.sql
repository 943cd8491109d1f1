insert into workers (id, started_at, seen_at, description, worked_at)
values (?1, ?2, ?2, ?3, ?4)
on conflict (id) do update
set seen_at = excluded.seen_at, description = excluded.description, worked_at = coalesce(excluded.worked_at, worked_at)
