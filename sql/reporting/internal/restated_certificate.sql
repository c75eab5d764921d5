-- What each certificate with late events added to the figures of a closed month: as it was known when the month had
-- ended everywhere, and as it is known now. Live and test. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.restated_certificate AS
-- A month has ended everywhere when it has ended in UTC-12 (which POSIX writes with the other sign).
WITH late AS (
    SELECT
        certificate_id,
        livemode,
        min(date_trunc('month', occurred_at AT TIME ZONE 'Etc/GMT+12')) AS first_month,
        max(received_at) AS last_received_at
    FROM giftcert.certificate_history
    WHERE date_trunc('month', received_at AT TIME ZONE 'Etc/GMT+12')
        > date_trunc('month', occurred_at AT TIME ZONE 'Etc/GMT+12')
    GROUP BY certificate_id, livemode
),

-- Neither definition nor account nor purchase named a currency, and a later event did: it moves from 'unspecified'.
named_later AS (
    SELECT
        history.certificate_id,
        history.livemode,
        min(date_trunc('month', history.occurred_at AT TIME ZONE 'Etc/GMT+12')) AS first_month,
        max(history.received_at) AS last_received_at
    FROM giftcert.certificate
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode)
    LEFT JOIN giftcert.definition USING (definition_id, livemode)
    LEFT JOIN giftcert.account_currency ON account_currency.account_id = certificate.account_id
    WHERE reporting_internal.currency_of(
        definition.currency_code, NULL, account_currency.currency_code, NULL
    ) IS NULL
    GROUP BY history.certificate_id, history.livemode
    HAVING count(coalesce(history.station_currency_code, history.display_currency_code)) BETWEEN 1 AND count(*) - 1
),

-- Something is dated before the purchase, and happened with it: until that arrived it stood where it is dated.
dated_before AS (
    SELECT
        digest.certificate_id,
        digest.livemode,
        date_trunc('month', digest.began_at AT TIME ZONE 'Etc/GMT+12') AS first_month,
        max(history.received_at) AS last_received_at
    FROM reporting_internal.certificate_digest AS digest
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode)
    WHERE digest.began_at < digest.purchased_at
    GROUP BY digest.certificate_id, digest.livemode, digest.began_at
),

restated AS (
    SELECT
        certificate_id,
        livemode,
        min(first_month) AS first_month,
        max(last_received_at) AS last_received_at
    FROM (
        SELECT * FROM late
        UNION ALL SELECT * FROM named_later
        UNION ALL SELECT * FROM dated_before
    ) AS reason
    GROUP BY certificate_id, livemode
),

-- The months that had ended before the last of it was known.
closed_month AS (
    SELECT
        restated.certificate_id,
        restated.livemode,
        month::date AS month,
        (month + interval '1 month') AT TIME ZONE 'Etc/GMT+12' AS reported_at
    FROM restated
    CROSS JOIN LATERAL generate_series(
        restated.first_month,
        date_trunc('month', restated.last_received_at AT TIME ZONE 'Etc/GMT+12') - interval '1 month',
        interval '1 month'
    ) AS month
),

event AS (
    SELECT
        history.*,
        coalesce(zone.name, local_zone.name) AS time_zone
    FROM restated
    JOIN giftcert.certificate_history AS history USING (certificate_id, livemode)
    CROSS JOIN reporting_internal.local_zone
    LEFT JOIN giftcert.time_zone AS zone ON zone.name = history.station_time_zone
),

version AS (
    SELECT closed_month.*, 'reported' AS version, closed_month.reported_at AS known_at FROM closed_month
    UNION ALL
    SELECT closed_month.*, 'now', 'infinity' FROM closed_month
),

known AS (
    SELECT
        version.certificate_id,
        version.livemode,
        version.month,
        version.version,
        version.reported_at,
        event.occurred_at,
        event.emitted_at,
        event.received_at,
        event.kind,
        coalesce(event.transactions_paid, -1) AS transactions_paid,
        event.event_id,
        event.station_currency_code,
        event.display_currency_code,
        event.deleted,
        (event.occurred_at AT TIME ZONE event.time_zone)::date AS local_day,
        CASE WHEN event.deleted THEN 0 ELSE event.balance END AS balance_after
    FROM version
    JOIN event
        ON event.certificate_id = version.certificate_id
            AND event.livemode = version.livemode
            AND event.received_at <= version.known_at
),

-- The rules of reporting_internal.movement.
story AS (
    SELECT
        known.certificate_id,
        known.livemode,
        known.month,
        known.version,
        known.reported_at,
        known.received_at,
        known.kind,
        known.deleted,
        CASE WHEN kind = 'created' THEN first_value(balance_after) OVER so_far ELSE balance_after END AS balance_after,
        coalesce(
            CASE
                WHEN lag(kind) OVER so_far = 'created' THEN first_value(balance_after) OVER so_far
                ELSE lag(balance_after) OVER so_far
            END,
            0
        ) AS balance_before,
        row_number() OVER so_far AS position,
        greatest(
            first_value(local_day) OVER so_far, max(local_day) FILTER (WHERE kind <> 'created') OVER so_far
        ) AS posting_day
    FROM known
    WINDOW so_far AS (
        PARTITION BY certificate_id, livemode, month, version
        ORDER BY kind <> 'created', occurred_at, emitted_at, kind, transactions_paid, event_id
    )
),

posted AS (
    SELECT
        story.*,
        balance_after::numeric - balance_before AS change,
        date_trunc('month', posting_day::timestamp)::date AS posting_month,
        position > 1 AND kind = 'created' AS is_created_again,
        reporting_internal.movement_name(position = 1, kind, deleted, balance_before, balance_after) AS movement
    FROM story
),

-- The rules of certificate_state: the purchase, else the first event that names a currency.
currency AS (
    SELECT DISTINCT ON (certificate_id, livemode, month, version)
        known.certificate_id,
        known.livemode,
        known.month,
        known.version,
        certificate.account_id,
        reporting_internal.currency_of(
            definition.currency_code,
            known.station_currency_code,
            account_currency.currency_code,
            known.display_currency_code
        ) AS currency
    FROM known
    JOIN giftcert.certificate USING (certificate_id, livemode)
    LEFT JOIN giftcert.definition USING (definition_id, livemode)
    LEFT JOIN giftcert.account_currency ON account_currency.account_id = certificate.account_id
    ORDER BY
        certificate_id, livemode, month, version,
        (
            reporting_internal.currency_of(
                definition.currency_code,
                known.station_currency_code,
                account_currency.currency_code,
                known.display_currency_code
            ) IS NULL
        ),
        known.kind <> 'created',
        known.occurred_at, known.emitted_at, known.kind, known.transactions_paid, known.event_id
)

SELECT
    posted.certificate_id,
    posted.livemode,
    posted.month,
    posted.reported_at,
    posted.version,
    currency.account_id,
    coalesce(currency.currency, 'unspecified') AS currency,
    count(*) FILTER (
        WHERE posted.received_at > posted.reported_at
            AND posted.posting_month <= posted.month
            AND NOT posted.is_created_again
    ) AS late_events,
    max(posted.received_at) FILTER (
        WHERE posted.received_at > posted.reported_at
            AND posted.posting_month <= posted.month
            AND NOT posted.is_created_again
    ) AS last_received_at,
    coalesce(sum(change) FILTER (WHERE posting_month < posted.month), 0) AS opening,
    coalesce(sum(change) FILTER (WHERE movement = 'issued' AND posting_month = posted.month), 0) AS issued,
    coalesce(
        sum(change) FILTER (WHERE movement IN ('opening', 'adjusted_up') AND posting_month = posted.month), 0
    ) AS adjusted_up,
    coalesce(-sum(change) FILTER (WHERE movement = 'redeemed' AND posting_month = posted.month), 0) AS redeemed,
    coalesce(-sum(change) FILTER (WHERE movement = 'adjusted_down' AND posting_month = posted.month), 0)
        AS adjusted_down,
    coalesce(-sum(change) FILTER (WHERE movement = 'voided' AND posting_month = posted.month), 0) AS voided,
    coalesce(sum(change) FILTER (WHERE posting_month <= posted.month), 0) AS closing
FROM posted
JOIN currency USING (certificate_id, livemode, month, version)
GROUP BY
    posted.certificate_id, posted.livemode, posted.month, posted.reported_at, posted.version,
    currency.account_id, currency.currency;
