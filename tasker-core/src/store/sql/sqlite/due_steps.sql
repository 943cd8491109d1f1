select task_id, idx, due_at from steps where due_at <= ?1 order by due_at limit ?2
