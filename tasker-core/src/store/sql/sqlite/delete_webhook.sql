delete from webhooks
where id = ?1
returning id
