-- Only sqlite: see apply_unchanged.
-- $1: the tasks; all of them must be at the event `seen`, or nothing is written.
select raise(abort, 'a task has moved on')
where
    exists (
        select 1
        from jsonb_each($1) as change
        left join tasks on tasks.id = unhex(change.value ->> 'id')
        where tasks.seq is not change.value ->> 'seen'
    )
