-- Only sqlite: with one writer, what stands in the way of a registration can be read after it.
select id, definition from templates where namespace = ?1 and name = ?2 and version = ?3
