-- The log of task $1 from the row on that holds the event $2: at most $3 rows, and those that make up the first $4 bytes as they
-- are stored, one at least.
with page as (
    select first_seq, at, facts
    from tasker.events
    where task_id = $1
        and first_seq >= coalesce((select max(first_seq) from tasker.events where task_id = $1 and first_seq <= $2), 0)
    order by first_seq
    limit $3
), measured as (
    select
        first_seq, at, facts,
        sum(pg_column_size(facts)) over (order by first_seq rows between unbounded preceding and 1 preceding) as bytes_before
    from page
)
select first_seq, at, facts::text as facts
from measured
where coalesce(bytes_before, 0) < $4 and (first_seq >= $2 or first_seq + json_array_length(facts) > $2)
order by first_seq
