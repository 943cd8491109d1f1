-- Differs from postgres: rows are measured without their facts, which would be copied.
with page as (
    select first_seq, octet_length(facts) as bytes
    from events
    where task_id = ?1
        and first_seq >= coalesce((select max(first_seq) from events where task_id = ?1 and first_seq <= ?2), 0)
    order by first_seq
    limit ?3
), measured as (
    select first_seq, sum(bytes) over (order by first_seq rows between unbounded preceding and 1 preceding) as bytes_before
    from page
)
select e.task_id, e.first_seq, e.at, e.facts
from measured m
cross join events e on e.task_id = ?1 and e.first_seq = m.first_seq
where coalesce(m.bytes_before, 0) < ?4 and (e.first_seq >= ?2 or e.first_seq + json_array_length(e.facts) > ?2)
order by m.first_seq
