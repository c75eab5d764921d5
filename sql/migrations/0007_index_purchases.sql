-- migrate:up

-- The purchases among the events: face value, price, issuing station and currency of every certificate, in the order
-- of certificates and without a visit to the table. One event in five or so pays for it.
CREATE INDEX certificate_history_purchase
    ON giftcert.certificate_history (certificate_id, livemode, occurred_at, emitted_at, event_id)
    INCLUDE (
        balance, price, total, agency_id,
        station_id, station_name, station_time_zone, station_currency_code, display_currency_code
    )
    WHERE kind = 'created';

-- migrate:down

DROP INDEX giftcert.certificate_history_purchase;
