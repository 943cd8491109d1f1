select id, definition::text as definition, created_at from tasker.templates where id = $1
