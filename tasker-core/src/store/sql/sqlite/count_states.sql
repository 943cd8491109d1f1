select state, count(*) as tasks from tasks group by state
