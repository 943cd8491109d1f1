-- Where tasks come from: what their spans are told by.
select id, correlation_id, flow::text as flow from tasker.tasks where id = any($1)
