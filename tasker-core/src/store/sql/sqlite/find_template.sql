select id, definition, created_at from templates where id = ?1
