-- Registers a template version, unless it is there.
insert into tasker.templates (id, namespace, name, version, description, definition)
values ($1, $2, $3, $4, $5, $6::json)
on conflict (namespace, name, version) do nothing
returning id
