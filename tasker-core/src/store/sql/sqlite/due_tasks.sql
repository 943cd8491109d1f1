select id, deadline_at from tasks where deadline_at <= ?1 order by deadline_at limit ?2
