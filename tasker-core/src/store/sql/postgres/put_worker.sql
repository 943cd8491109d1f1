insert into tasker.workers (id, description) values ($1, $2::json)
on conflict (id) do update set seen_at = now(), description = excluded.description
