-- Flows beyond a fixed graph. What plain tasks and steps do not have is null in them.

-- The task whose step waits for the end of this one; fixed at submission.
alter table tasks add column parent_id blob;
-- Where the task stands in a flow: its place under its parent, and what it is on its way to.
alter table tasks add column flow text;
-- Where the step stands in a flow: the template step that it is a part of, the child task or signal that it waits for.
alter table steps add column flow text;
-- Its part of a batch; fixed when the row is made.
alter table steps add column part text;
-- How far its attempts have come.
alter table steps add column checkpoint text;

create index tasks_parent on tasks (parent_id) where parent_id is not null;
-- What waits for something that has no time: how such tasks are found.
create index steps_waiting on steps (task_id) where state = 'waiting';
