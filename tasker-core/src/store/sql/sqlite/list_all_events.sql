-- Differs from postgres: what can be read is committed in the order of its positions, so that there is no end to mind; and rows
-- are measured without their facts, which would be copied.
with page as (
    select position, task_id, first_seq, octet_length(facts) as bytes
    from events
    where position >= ?1 and (position > ?1 or task_id >= ?2)
    order by position, task_id, first_seq
    limit ?3
), measured as (
    select
        position, task_id, first_seq,
        sum(case when (position, task_id, first_seq) > (?1, ?2, ?4) then bytes else 0 end)
            over (order by position, task_id, first_seq rows between unbounded preceding and 1 preceding) as bytes_before
    from page
)
select m.position, m.task_id, m.first_seq, e.at, e.facts, t.template_id, t.environment
from measured m
cross join events e on e.task_id = m.task_id and e.first_seq = m.first_seq
left join tasks t on t.id = m.task_id
where coalesce(m.bytes_before, 0) < ?5
order by m.position, m.task_id, m.first_seq
