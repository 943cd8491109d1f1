-- Searching by a priority other than 0, which nearly all tasks have. Operators change it, a task that runs does not.
create index tasks_priority on tasker.tasks (priority, id) where priority <> 0;

-- Why API keys were made and ended.
alter table tasker.api_keys add column created_because text;
alter table tasker.api_keys add column revoked_because text;
