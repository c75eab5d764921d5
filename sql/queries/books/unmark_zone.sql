-- A station ($1, $2 livemode) no longer names a time zone ($3) that does not exist.
DELETE FROM giftcert.exception
WHERE entity = 'station' AND rule = 'time_zone_invalid' AND entity_id = $1 AND livemode = $2 AND observed = $3
