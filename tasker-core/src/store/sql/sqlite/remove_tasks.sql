-- Differs from postgres: what belongs to the tasks is removed by statements of its own; there is one writer.
delete from tasks
where id in (select unhex(value) from json_each(?1)) and completed_at < ?2
returning id
