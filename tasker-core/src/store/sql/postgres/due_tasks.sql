-- Tasks whose time is over.
select id, deadline_at from tasker.tasks where deadline_at <= clock_timestamp() order by deadline_at limit $1
