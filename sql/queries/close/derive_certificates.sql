-- What was left on each certificate at the end of a month ($1), of an account ($2), from the lines up to a position ($3):
-- amounts in 1/100000, and the newest event that had moved it.
WITH line AS (
    SELECT certificate_id, currency, issuing_station_id, event_id, change, change_at_consideration, entry
    FROM giftcert.journal
    WHERE livemode AND id <= $3 AND account_id IS NOT DISTINCT FROM $2 AND period <= $1
),

by_event AS (
    SELECT
        certificate_id, currency, issuing_station_id, event_id,
        sum(change) AS change, sum(change_at_consideration) AS change_at_consideration, sum(entry) AS entries
    FROM line
    GROUP BY certificate_id, currency, issuing_station_id, event_id
)

SELECT
    by_event.certificate_id,
    by_event.currency,
    by_event.issuing_station_id,
    sum(by_event.change) AS balance,
    sum(by_event.change_at_consideration) AS balance_at_consideration,
    (
        array_agg(
            by_event.event_id
            ORDER BY
                history.kind <> 'created' DESC, history.occurred_at DESC, history.emitted_at DESC, history.kind DESC,
                coalesce(history.transactions_paid, -1) DESC, by_event.event_id DESC
        ) FILTER (WHERE by_event.entries > 0 AND history.event_id IS NOT NULL)
    )[1] AS event_id
FROM by_event
LEFT JOIN giftcert.certificate_history AS history
    ON history.certificate_id = by_event.certificate_id AND history.livemode AND history.event_id = by_event.event_id
GROUP BY by_event.certificate_id, by_event.currency, by_event.issuing_station_id
HAVING sum(by_event.change) <> 0 OR sum(by_event.change_at_consideration) <> 0
ORDER BY by_event.certificate_id COLLATE "C", by_event.currency COLLATE "C", by_event.issuing_station_id COLLATE "C" NULLS FIRST
