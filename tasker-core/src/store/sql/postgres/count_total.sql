-- How many tasks there are: counted up to $1, and beyond that from what the database knows of the table's pages, at its size now.
select
    (select count(*) from (select from tasker.tasks limit $1) as seen) as counted,
    (
        select (reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::bigint))::bigint
        from pg_class
        where oid = 'tasker.tasks'::regclass and relpages > 0
    ) as estimated
