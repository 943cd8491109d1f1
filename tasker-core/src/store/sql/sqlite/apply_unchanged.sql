-- Writes the tasks ($1), their steps ($2) and events ($3), all or nothing. The view's trigger consists of check_unchanged, apply_tasks,
-- apply_steps and apply_events: one statement is one transaction, and one way to the connection's thread and back.
insert into unchanged (tasks, steps, events) values ($1, $2, $3)
