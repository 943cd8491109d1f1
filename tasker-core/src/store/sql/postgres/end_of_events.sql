-- Where the log of all tasks ends for now: every row below is visible to whoever looks after this, and no row below will come.
-- A transaction that writes to the log has locked tasks before it had a number, and its rows have no position below that number.
-- One without a number yet will have `xmax` or more. Other transactions, however long they run, hold nothing up.
select least(
    pg_snapshot_xmax(pg_current_snapshot()),
    (
        select running.xid
        from pg_snapshot_xip(pg_current_snapshot()) as running (xid)
        where running.xid::xid in (
            select own.transactionid
            from pg_locks log
            join pg_locks own on own.pid = log.pid and own.locktype = 'transactionid' and own.mode = 'ExclusiveLock'
            where log.locktype = 'relation'
                and log.relation in ('tasker.events'::regclass, 'tasker.tasks'::regclass)
                and log.mode in ('RowShareLock', 'RowExclusiveLock')
                and log.database = (select oid from pg_database where datname = current_database())
        )
        order by running.xid
        limit 1
    )
)::text::bigint + tasker.log_base()
