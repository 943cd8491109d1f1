-- Of these tasks ($1) those that ended before $2 and that nobody works on, with all that belongs to them.
with gone as (
    select id from tasker.tasks where id = any($1) and completed_at < $2 order by id for update skip locked
),
gone_events as (delete from tasker.events using gone where events.task_id = gone.id),
gone_steps as (delete from tasker.steps using gone where steps.task_id = gone.id),
gone_tags as (delete from tasker.task_tags using gone where task_tags.task_id = gone.id)
delete from tasker.tasks using gone where tasks.id = gone.id
returning tasks.id
