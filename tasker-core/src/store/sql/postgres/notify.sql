-- Only postgres: a SQLite file carries nothing to those who read it.
select pg_notify($1, $2)
