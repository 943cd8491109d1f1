-- Only postgres: SQLite counts neither its commits nor the bytes of its log.
select
    database.xact_commit as transactions,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as commits,
    (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as wal_bytes
from pg_stat_database as database
where database.datname = current_database()
