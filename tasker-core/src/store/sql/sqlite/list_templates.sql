select id, namespace, name, version, description, created_at
from templates
where (?1 is null or namespace = ?1) and (?2 is null or name = ?2)
