-- Differs from postgres: positions are counted, so that nothing is added to them.
select 1;
