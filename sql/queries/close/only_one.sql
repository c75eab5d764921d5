-- One process at a time derives and signs a close ($1), until its session ends.
SELECT pg_try_advisory_lock(730571, $1::integer)
