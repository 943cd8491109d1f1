-- Only sqlite: a statement of postgres changes several tables.
update webhooks
set asked_at = ?2
where id = ?1
