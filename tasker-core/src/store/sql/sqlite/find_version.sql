-- What is registered under a version, to compare it.
select id, definition from templates where namespace = ?1 and name = ?2 and version = ?3
