-- At which event tasks (?1) stand, by their places in the list.
-- Differs from postgres: nothing is locked, because there is one writer; and the answer is one json text, as in load_scope.
select json_group_object(asked.key, tasks.seq)
from json_each(?1) as asked
cross join tasks on tasks.id = unhex(asked.value)
