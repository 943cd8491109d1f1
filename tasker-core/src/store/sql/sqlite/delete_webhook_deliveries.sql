-- Only sqlite: a statement of postgres removes from several tables.
delete from webhook_deliveries
where webhook_id = ?1
