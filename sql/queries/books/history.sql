-- All that is known of certificates ($1 ids, $2 livemodes), in the order of schemas.certificates.Fact.
SELECT
    history.certificate_id, history.livemode, history.event_id, history.occurred_at, history.emitted_at, history.kind,
    history.balance, history.price, history.total, history.transactions_paid, history.deleted, history.status,
    history.transaction_id, history.agency_id, history.station_id, history.station_name, history.received_at,
    history.account_id, history.definition_id, history.user_id, history.shift_id, history.station_time_zone,
    history.station_currency_code, history.display_currency_code, history.doubts
FROM unnest($1::text[], $2::boolean[]) AS wanted (certificate_id, livemode)
CROSS JOIN LATERAL (
    SELECT *
    FROM certificate_history
    WHERE certificate_id = wanted.certificate_id AND livemode = wanted.livemode
    OFFSET 0
) AS history
