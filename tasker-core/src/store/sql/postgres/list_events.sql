select first_seq, at, facts::text as facts from tasker.events where task_id = $1 and first_seq > $2 order by first_seq limit $3
