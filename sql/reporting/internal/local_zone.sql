-- The time zone of events that name none, or one that this server does not know. Always one row.
CREATE OR REPLACE VIEW reporting_internal.local_zone AS
SELECT coalesce(
    (SELECT zone.name FROM giftcert.reporting_setting JOIN giftcert.time_zone AS zone ON zone.name = time_zone),
    'UTC'
) AS name;
