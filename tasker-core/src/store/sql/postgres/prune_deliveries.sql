-- Those of $1 that ended more than $2 milliseconds ago, or failed more than $3 ago, at most $4; but never the one furthest in
-- the log.
delete from tasker.webhook_deliveries d
where d.id in (
    select o.id
    from tasker.webhook_deliveries o
    where o.webhook_id = $1 and o.state <> 'pending'
        and o.ended_at <= now() - case o.state when 'failed' then $3 else $2 end * interval '1 millisecond'
        and exists (
            select 1 from tasker.webhook_deliveries later
            where later.webhook_id = o.webhook_id
                and (later.position, later.task_id, later.seq) > (o.position, o.task_id, o.seq)
        )
    limit $4
)
