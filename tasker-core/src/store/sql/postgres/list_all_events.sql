-- The log of all tasks from a position ($1, $2) on, as far as no transaction that is under way can add to it: at most $3 rows.
select position::text::bigint as position, task_id, first_seq, at, facts::text as facts
from tasker.events
where position >= ($1::bigint)::text::xid8
    and (position > ($1::bigint)::text::xid8 or task_id >= $2)
    and position < pg_snapshot_xmin(pg_current_snapshot())
order by position, task_id, first_seq
limit $3
