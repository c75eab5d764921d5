-- The current day by REPORTING_TIME_ZONE. Always one row.
CREATE OR REPLACE VIEW reporting_internal.today AS
SELECT (now() AT TIME ZONE local_zone.name)::date AS day
FROM reporting_internal.local_zone;
