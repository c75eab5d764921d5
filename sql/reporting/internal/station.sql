-- One name a station, its newest, live and test: kept with the totals, and from the lines since.
CREATE OR REPLACE VIEW reporting_internal.station AS
SELECT DISTINCT ON (livemode, station_id) livemode, station_id, name
FROM (
    SELECT livemode, station_id, name, occurred_at, event_id
    FROM giftcert.station_name

    UNION ALL

    SELECT history.livemode, history.station_id, history.station_name, history.occurred_at, history.event_id
    FROM reporting_internal.line_since
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode, event_id)
    WHERE history.station_id IS NOT NULL AND history.station_name IS NOT NULL
) AS named
ORDER BY livemode, station_id, occurred_at DESC, event_id DESC;
