-- What runs and what waits for a time, by state.
select state, count(*) as steps from tasker.steps where due_at is not null group by state
