-- What assignments need of their tasks.
select id, context::text as context, correlation_id, flow::text as flow from tasker.tasks where id = any($1)
