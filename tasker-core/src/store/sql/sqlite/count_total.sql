-- Differs from postgres: rows are numbered in the order in which they were made, so that only what was removed in between is
-- counted too many.
select
    (select count(*) from (select 1 from tasks limit ?1)) as counted,
    (select max(rowid) from tasks) - (select min(rowid) from tasks) + 1 as estimated
