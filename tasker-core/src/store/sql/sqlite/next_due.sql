select min(at)
from (
    select min(due_at) as at from steps where due_at > ?1
    union all
    select min(deadline_at) from tasks where deadline_at > ?1
)
