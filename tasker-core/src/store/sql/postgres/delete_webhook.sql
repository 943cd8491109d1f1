-- With all that is known of it, and how far it has come ($2 the name of its relay).
with deliveries as (
    delete from tasker.webhook_deliveries where webhook_id = $1
), place as (
    delete from tasker.relays where name = $2
)
delete from tasker.webhooks
where id = $1
returning id
