delete from tasker.relays where name = $1 returning name
