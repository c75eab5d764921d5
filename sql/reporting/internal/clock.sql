-- Today on every clock that this server knows.
CREATE OR REPLACE VIEW reporting_internal.clock AS
SELECT name, (now() AT TIME ZONE name)::date AS today
FROM giftcert.time_zone;
