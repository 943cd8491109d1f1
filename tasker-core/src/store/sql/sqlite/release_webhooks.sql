update webhooks
set holder = null, held_until = null
where holder = ?1
