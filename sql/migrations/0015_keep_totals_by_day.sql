-- migrate:up

-- Cohorts are told by the lines, too: of a certificate whose purchase is known all lines say its day, of others none does.
ALTER TABLE giftcert.journal ADD COLUMN purchase_day date;
COMMENT ON COLUMN giftcert.journal.purchase_day IS 'The local day of the purchase; NULL while that is not known.';
UPDATE giftcert.journal
SET purchase_day = certificate.purchase_day
FROM giftcert.certificate
WHERE certificate.certificate_id = journal.certificate_id AND certificate.livemode = journal.livemode;

-- Totals by day answer any day, and redemptions have some of their own. All are written anew, from the first line on.
TRUNCATE giftcert.journal_total;
UPDATE giftcert.journal_totalled SET up_to = 0;
ALTER TABLE giftcert.journal_total RENAME COLUMN posting_month TO posting_day;
-- Renamed alone, it would keep the name that NOT NULL has from PostgreSQL 18 on.
ALTER TABLE giftcert.journal_total ALTER COLUMN posting_day DROP NOT NULL;
ALTER TABLE giftcert.journal_total ALTER COLUMN posting_day SET NOT NULL;
CREATE INDEX journal_total_posting_day ON giftcert.journal_total (posting_day);

CREATE TABLE giftcert.redemption_total (
    redeemed numeric NOT NULL,
    entries bigint NOT NULL,
    posting_month date NOT NULL,
    purchase_month date,
    grouped_by text COLLATE "C" NOT NULL CHECK (grouped_by IN ('cohort', 'definition', 'settlement')),
    livemode boolean NOT NULL,
    is_purchase_known boolean NOT NULL,
    account_id text COLLATE "C",
    definition_id text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    issuing_station_id text,
    station_id text
);
CREATE INDEX redemption_total_posting_month ON giftcert.redemption_total (posting_month);
COMMENT ON TABLE giftcert.redemption_total IS
    'Sums of the same lines as in journal_total, of redemptions, by what three reports group by: each sums to all of them.';

-- What is booked after its month has ended is little, and asked for by itself.
CREATE INDEX journal_late ON giftcert.journal (posting_day)
    WHERE booked_at AT TIME ZONE INTERVAL '0' > posting_day + INTERVAL '36 hours';

-- Certificates stay where their purchase was written, more or less in its order. An update of a balance touches no BRIN.
CREATE INDEX certificate_purchase_day ON giftcert.certificate USING brin (purchase_day) WITH (autosummarize = on);

ALTER TABLE giftcert.redemption_total OWNER TO giftledger_owner;
GRANT SELECT, INSERT, DELETE ON giftcert.redemption_total TO giftledger_writer;

-- migrate:down

-- CASCADE: reports are made of them; the version that runs then makes its own.
DROP INDEX giftcert.certificate_purchase_day;
DROP INDEX giftcert.journal_late;
DROP TABLE giftcert.redemption_total CASCADE;
TRUNCATE giftcert.journal_total;
UPDATE giftcert.journal_totalled SET up_to = 0;
DROP INDEX giftcert.journal_total_posting_day;
ALTER TABLE giftcert.journal_total RENAME COLUMN posting_day TO posting_month;
ALTER TABLE giftcert.journal DROP COLUMN purchase_day CASCADE;
