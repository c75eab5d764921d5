-- Seconds until the sender may be asked; none where it may be now.
SELECT greatest(0, extract(epoch FROM greatest(next_at, clock_timestamp()) - clock_timestamp()))::double precision
FROM sender_pace
