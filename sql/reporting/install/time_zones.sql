-- What this server knows today: a newer server may know more, or less.
INSERT INTO giftcert.time_zone (name)
SELECT name FROM pg_timezone_names
ON CONFLICT DO NOTHING;

DELETE FROM giftcert.time_zone
WHERE name NOT IN (SELECT name FROM pg_timezone_names);
