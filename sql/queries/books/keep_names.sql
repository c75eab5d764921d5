-- The newest name of each station that the same lines ($1) name.
WITH since AS MATERIALIZED (
    SELECT DISTINCT ON (livemode, history.station_id)
        livemode, history.station_id, history.station_name AS name, history.occurred_at, event_id
    FROM giftcert.journal
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode, event_id)
    WHERE journal.id BETWEEN (SELECT up_to + 1 FROM giftcert.journal_totalled) AND $1
        AND history.station_id IS NOT NULL
        AND history.station_name IS NOT NULL
    ORDER BY livemode, history.station_id, history.occurred_at DESC, event_id DESC
),

kept AS (
    DELETE FROM giftcert.station_name
    WHERE (livemode, station_id) IN (SELECT livemode, station_id FROM since)
    RETURNING *
)

INSERT INTO giftcert.station_name (livemode, station_id, name, occurred_at, event_id)
SELECT DISTINCT ON (livemode, station_id) livemode, station_id, name, occurred_at, event_id
FROM (
    SELECT * FROM since
    UNION ALL
    SELECT livemode, station_id, name, occurred_at, event_id FROM kept
) AS known
ORDER BY livemode, station_id, occurred_at DESC, event_id DESC
