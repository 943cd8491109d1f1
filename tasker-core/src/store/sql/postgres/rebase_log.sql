-- Only postgres: positions are numbers of transactions there. Where the log is ahead of them, the database was restored from a dump
-- into another cluster: what happens now would come before what happened then, and be passed by. New positions then begin so far
-- above the log that whoever has seen more of it than the dump has goes on as well.
do $$
declare
    ahead bigint;
begin
    perform pg_advisory_xact_lock(hashtext('tasker.log_base'));
    select max(position) into ahead from tasker.events;
    if ahead >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + tasker.log_base() then
        execute format(
            'create or replace function tasker.log_base() returns bigint language sql immutable parallel safe as %L',
            format('select %s::bigint', ahead + 4294967296)
        );
        raise notice 'the log of events goes on behind that of the database that this one was restored from';
    end if;
end
$$
