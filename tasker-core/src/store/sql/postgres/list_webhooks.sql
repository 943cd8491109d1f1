-- The newest first; $1 one alone, if it is given.
select
    id, definition::text as definition, state, failures, secret, previous_secret, previous_until, created_at, created_by,
    created_because, changed_at, changed_by, changed_because, asked_at
from tasker.webhooks
where $1::uuid is null or id = $1
order by id desc
limit $2
