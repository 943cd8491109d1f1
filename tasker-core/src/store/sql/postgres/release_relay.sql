update tasker.relays set holder = null, held_until = null where name = $1 and holder = $2
