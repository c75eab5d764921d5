-- In how many seconds a list is to be asked for again, the first of those that are within $2 seconds; NULL for none.
SELECT extract(epoch FROM min(again_at) - clock_timestamp())::double precision
FROM reconciliation_list
WHERE livemode = $1
    AND failed_at IS NULL
    AND again_at < clock_timestamp() + $2::double precision * interval '1 second'
