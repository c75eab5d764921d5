-- migrate:up

-- What stood on a day of the fifth year need not be added up from the days of four. Made of the totals by day, which go up
-- to the same line: nobody keeps them meanwhile.
CREATE TABLE giftcert.month_total (
    change numeric NOT NULL,
    change_at_consideration numeric NOT NULL,
    negative numeric NOT NULL,
    entries bigint NOT NULL,
    certificates bigint NOT NULL,
    posting_month date NOT NULL,
    livemode boolean NOT NULL,
    account_id text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text
);
INSERT INTO giftcert.month_total
SELECT
    sum(change), sum(change_at_consideration), sum(negative), sum(entries), sum(certificates),
    date_trunc('month', posting_day::timestamp)::date AS posting_month, livemode, account_id, currency, issuing_station_id
FROM giftcert.journal_total
GROUP BY posting_month, livemode, account_id, currency, issuing_station_id;
CREATE INDEX month_total_posting_month ON giftcert.month_total (posting_month);
COMMENT ON TABLE giftcert.month_total IS
    'Sums of the same lines as in journal_total, by month and of all movements together: what stood needs no more.';

ALTER TABLE giftcert.month_total OWNER TO giftledger_owner;
GRANT SELECT, INSERT, DELETE ON giftcert.month_total TO giftledger_writer;
GRANT SELECT ON giftcert.month_total TO giftledger_closer;

-- migrate:down

-- CASCADE: reports are made of it; the version that runs then makes its own.
DROP TABLE giftcert.month_total CASCADE;
