select state, count(*) as steps from steps where due_at is not null group by state
