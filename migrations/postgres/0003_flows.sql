-- Flows beyond a fixed graph. What plain tasks and steps do not have is null in them, and costs a bit a row.

-- The task whose step waits for the end of this one; fixed at submission.
alter table tasker.tasks add column parent_id uuid;
-- Where the task stands in a flow: its place under its parent, and what it is on its way to.
alter table tasker.tasks add column flow json;
-- Where the step stands in a flow: the template step that it is a part of, the child task or signal that it waits for.
alter table tasker.steps add column flow json;
-- Its part of a batch; fixed when the row is made.
alter table tasker.steps add column part json;
-- How far its attempts have come.
alter table tasker.steps add column checkpoint json;

create index tasks_parent on tasker.tasks (parent_id) where parent_id is not null;
-- What waits for something that has no time: how such tasks are found.
create index steps_waiting on tasker.steps (task_id) where state = 'waiting';
