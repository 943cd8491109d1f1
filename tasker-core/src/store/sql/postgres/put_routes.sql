-- Adds the routes of a template to those known.
insert into tasker.routes (queue, handler)
select queue, handler from unnest($1::text[], $2::text[]) as r (queue, handler) order by queue, handler
on conflict do nothing
