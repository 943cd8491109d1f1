delete from relays where name = ?1 returning name
