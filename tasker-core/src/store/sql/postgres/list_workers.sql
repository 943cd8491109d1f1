select description::text as description from tasker.workers where id = any($1) order by id
