-- Not before so many seconds ($1) have passed.
UPDATE sender_pace SET next_at = greatest(next_at, clock_timestamp() + $1::double precision * interval '1 second')
