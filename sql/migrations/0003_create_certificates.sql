-- migrate:up

CREATE TABLE giftcert.certificate (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    created_at timestamptz,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    definition_id text COLLATE "C",
    account_id text COLLATE "C",
    transaction_id text COLLATE "C",
    status text,
    customer_number text,
    user_id text,
    agency_id text,
    agency_name text,
    shift_id text,
    station_id text,
    station_name text,
    station_time_zone text,
    station_currency_code text,
    display_currency_code text,
    data jsonb NOT NULL,
    PRIMARY KEY (certificate_id, livemode)
)
-- Room for the next balance on the same page: no index holds what an update changes.
WITH (fillfactor = 80);

COMMENT ON TABLE giftcert.certificate IS 'Current state: one row a certificate, from its newest event.';

CREATE TABLE giftcert.certificate_history (
    occurred_at timestamptz NOT NULL,
    emitted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    balance bigint NOT NULL,
    price bigint,
    total bigint,
    transactions_paid integer,
    kind giftcert.event_kind NOT NULL,
    livemode boolean NOT NULL,
    deleted boolean NOT NULL,
    certificate_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C",
    status text,
    user_id text,
    agency_id text,
    shift_id text,
    station_id text,
    station_name text,
    station_time_zone text,
    station_currency_code text,
    display_currency_code text,
    -- An event belongs to one certificate; the key is also the way to one certificate's history.
    PRIMARY KEY (certificate_id, livemode, event_id)
);

COMMENT ON TABLE giftcert.certificate_history IS
    'One row an event of a certificate, immutable; late events stand at their place in the order '
    '(occurred_at, emitted_at, kind, event_id).';

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['certificate', 'certificate_history'] LOOP
        EXECUTE format($f$
            COMMENT ON COLUMN giftcert.%1$I.occurred_at IS
                'When it happened: data.updatedAt, else data.createdAt, else the envelope''s created.';
            COMMENT ON COLUMN giftcert.%1$I.emitted_at IS 'The envelope''s created: when the sender emitted the event.';
            COMMENT ON COLUMN giftcert.%1$I.balance IS 'What is left, absolute, in 1/100000 of the currency unit.';
            COMMENT ON COLUMN giftcert.%1$I.price IS 'What was paid before taxes and fees, in 1/100000 of the currency unit.';
            COMMENT ON COLUMN giftcert.%1$I.total IS 'Price and taxes and fees, in 1/100000 of the currency unit.';
            COMMENT ON COLUMN giftcert.%1$I.transactions_paid IS 'How many transactions the certificate had paid by then.';
            COMMENT ON COLUMN giftcert.%1$I.station_id IS
                'Where the agent had an open shift: the issuing station in a created event, the redeeming one in an updated event.';
            COMMENT ON COLUMN giftcert.%1$I.station_currency_code IS 'shiftLocation.primaryCurrencyCode, in capitals.';
            COMMENT ON COLUMN giftcert.%1$I.display_currency_code IS
                'displayCurrency.isocode, in capitals, where buy and sell are 1, so that it names the base currency.';
        $f$, table_name);
    END LOOP;
END
$$;
COMMENT ON COLUMN giftcert.certificate_history.received_at IS
    'When we knew: the earliest arrival of any attempt of the event at the ingress; a rebuild keeps it.';
COMMENT ON COLUMN giftcert.certificate.data IS 'The newest event''s data as it came, personal data included.';

GRANT SELECT, INSERT, UPDATE ON giftcert.certificate TO giftledger_writer;
-- Immutable but for one thing: a resend may show that we knew earlier.
GRANT SELECT, INSERT, UPDATE (received_at) ON giftcert.certificate_history TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.certificate_history;
DROP TABLE giftcert.certificate;
