-- What stations call their time zones, live and test, each name once, and when it was said first; and those that are marked
-- as no time zone. In one statement, for a worker writes both in one transaction.
SELECT coalesce(station_id, 'none') AS station_id, livemode, station_time_zone, min(occurred_at) AS occurred_at, NULL AS marked
FROM certificate_history
WHERE station_time_zone IS NOT NULL
GROUP BY coalesce(station_id, 'none'), livemode, station_time_zone

UNION ALL

SELECT entity_id, livemode, NULL, NULL, observed
FROM giftcert.exception
WHERE entity = 'station' AND rule = 'time_zone_invalid'
