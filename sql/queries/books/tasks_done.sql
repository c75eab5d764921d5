-- Tasks that are done: $1 ids.
UPDATE giftcert.rebooking_task SET done_at = clock_timestamp() WHERE id = ANY ($1::bigint[]) AND done_at IS NULL
