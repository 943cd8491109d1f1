-- Differs from postgres: rows are numbered in the order in which they were made, and how many of the numbers are still in use is
-- told from 256 samples.
with recursive span (low, width) as (
    select min(rowid), max(rowid) - min(rowid) + 1 from tasks
), sample (number) as (
    select 0 union all select number + 1 from sample where number < 255
)
select
    (select count(*) from (select 1 from tasks limit ?1)) as counted,
    (
        select cast(width * avg((
            select count(*) from tasks
            where rowid between low + number * width / 256 and low + number * width / 256 + 15
        )) / 16 as integer)
        from span, sample
    ) as estimated
