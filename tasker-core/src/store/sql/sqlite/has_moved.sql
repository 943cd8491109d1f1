-- Differs from postgres: ?2 is the time since which it has.
select moved_at > ?2 from relays where name = ?1
