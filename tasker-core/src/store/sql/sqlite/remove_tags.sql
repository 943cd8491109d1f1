-- Only sqlite: it has no writing common table expressions, so that each table takes a statement.
delete from task_tags where task_id in (select unhex(value) from json_each(?1))
