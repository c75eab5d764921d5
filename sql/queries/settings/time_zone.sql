-- The local day of events without a station ($1 IANA time zone). Certificates are booked again where it changes.
WITH changed AS (
    UPDATE giftcert.reporting_setting SET time_zone = $1 WHERE time_zone <> $1 RETURNING time_zone
)
INSERT INTO giftcert.rebooking_task (kind)
SELECT 'setting' FROM changed
