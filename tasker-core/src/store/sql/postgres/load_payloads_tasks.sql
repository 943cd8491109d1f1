-- What assignments need of their tasks.
select id, context::text as context, correlation_id from tasker.tasks where id = any($1)
