-- Where the log of all tasks ends for now: nothing that becomes visible later has a lower position.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint
