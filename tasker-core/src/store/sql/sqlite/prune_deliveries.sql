-- Differs from postgres: ?2 and ?3 are the times before which they ended.
delete from webhook_deliveries
where id in (
    select o.id
    from webhook_deliveries o
    where o.webhook_id = ?1 and o.state <> 'pending' and o.ended_at <= case o.state when 'failed' then ?3 else ?2 end
        and exists (
            select 1 from webhook_deliveries later
            where later.webhook_id = o.webhook_id
                and (later.position, later.task_id, later.seq) > (o.position, o.task_id, o.seq)
        )
    limit ?4
)
returning id
