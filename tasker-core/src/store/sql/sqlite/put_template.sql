insert into templates (id, namespace, name, version, description, definition, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (namespace, name, version) do nothing
