-- How many tasks are in each state.
select state, count(*) as tasks from tasker.tasks group by state
