-- Only sqlite: on postgres, apply_unchanged compares and writes in one statement.
-- How many of these tasks still stand at the event that was seen.
select count(*)
from jsonb_each(?1) as seen
cross join tasks on tasks.id = unhex(seen.value ->> 0) and tasks.seq = seen.value ->> 1
