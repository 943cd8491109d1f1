-- What is registered under a version: its id, and whether the content is this one.
select id, definition::text = $4 as is_same from tasker.templates where namespace = $1 and name = $2 and version = $3
