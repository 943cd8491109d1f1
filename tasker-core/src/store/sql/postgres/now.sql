-- Only postgres: SQLite has no clock of its own; the store's is injected.
select clock_timestamp()
