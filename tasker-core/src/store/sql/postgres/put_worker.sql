insert into tasker.workers (id, description, worked_at) values ($1, $2::json, $3)
on conflict (id) do update
set seen_at = now(), description = excluded.description, worked_at = coalesce(excluded.worked_at, workers.worked_at)
