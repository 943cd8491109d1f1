insert into routes (queue, handler)
select value ->> 'queue', value ->> 'handler' from jsonb_each(?1)
where true
on conflict do nothing
