-- Has one that has ended sent once more, and the process that sends look for it.
with asked as (
    update tasker.webhook_deliveries
    set state = 'pending', tries_left = 1, due_at = now(), ended_at = null, asked_at = now(),
        asked_by = $3, asked_because = $4
    where webhook_id = $1 and id = $2 and state <> 'pending'
    returning id
)
update tasker.webhooks
set asked_at = now()
where id = $1 and exists (select 1 from asked)
returning id
