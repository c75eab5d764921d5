-- migrate:up

-- What the reports need to know of the workers' environment; each worker writes it at its start.
CREATE TABLE giftcert.account_currency (
    account_id text COLLATE "C" PRIMARY KEY,
    currency_code text NOT NULL
);
COMMENT ON TABLE giftcert.account_currency IS 'The setting ACCOUNT_CURRENCIES: the base currency of an account.';

CREATE TABLE giftcert.reporting_setting (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    time_zone text NOT NULL DEFAULT 'UTC'
);
COMMENT ON TABLE giftcert.reporting_setting IS
    'The setting REPORTING_TIME_ZONE: the local day of events without a station.';
INSERT INTO giftcert.reporting_setting DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE, DELETE ON giftcert.account_currency TO giftledger_writer;
GRANT SELECT, UPDATE ON giftcert.reporting_setting TO giftledger_writer;

-- migrate:down

DROP TABLE giftcert.reporting_setting;
DROP TABLE giftcert.account_currency;
