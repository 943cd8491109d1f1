-- Whether the relay $1 has moved within $2 milliseconds; no row if there is none.
select moved_at > now() - $2 * interval '1 millisecond' as has_moved from tasker.relays where name = $1
