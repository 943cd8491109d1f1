select id, namespace, name, version, description, created_at
from tasker.templates
where namespace = coalesce($1, namespace) and name = coalesce($2, name)
