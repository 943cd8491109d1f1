-- What is added to the number of a transaction for a position in the log: 0, until the database is restored into a cluster whose
-- transactions have lower numbers than those that wrote its log (`rebase_log.sql`). A function, which plans hold as a constant.
create function tasker.log_base() returns bigint language sql immutable parallel safe as 'select 0::bigint';
alter table tasker.events alter column position set default greatest(
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1, pg_current_xact_id()::text::bigint
) + tasker.log_base();
