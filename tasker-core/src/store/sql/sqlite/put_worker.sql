insert into workers (id, started_at, seen_at, description)
values (?1, ?2, ?2, ?3)
on conflict (id) do update set seen_at = excluded.seen_at, description = excluded.description
