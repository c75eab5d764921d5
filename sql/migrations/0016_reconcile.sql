-- migrate:up

-- What the sender's own API says, beside what its webhooks came to. Nothing here moves a balance.
CREATE TYPE giftcert.reconciliation_verdict AS ENUM (
    'match', 'balance_differs', 'missing_here', 'missing_there', 'in_flight', 'unreadable'
);

-- One rule for those who ask and for the report that says what cannot be asked.
CREATE FUNCTION giftcert.why_not_askable(customer_number text, status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN customer_number IS NULL OR btrim(customer_number) = '' THEN 'no_customer_number'
    -- U+FFFD stands where the sender's own character could not be kept: that number is not theirs any more.
    WHEN length(customer_number) > 256 OR customer_number ~ '[[:cntrl:]\ufffd]' THEN 'no_customer_number'
    -- The sender lists paid certificates only.
    WHEN lower(btrim(status)) <> 'paid' THEN 'not_paid'
END;
COMMENT ON FUNCTION giftcert.why_not_askable IS
    'Why the sender''s API cannot be asked for a certificate; NULL where it can. It lists the paid certificates of a customer number.';

CREATE TABLE giftcert.reconciliation_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    latest_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lists bigint NOT NULL DEFAULT 0,
    items bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    livemode boolean NOT NULL,
    accounts text[]
);
COMMENT ON TABLE giftcert.reconciliation_run IS
    'One row a run of reconcile: how many lists it asked for and how many certificates and definitions it compared. accounts: those that the sender''s key speaks for; NULL is all.';

CREATE TABLE giftcert.reconciliation_list (
    asked_at timestamptz,
    again_at timestamptz,
    failed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    entity text COLLATE "C" NOT NULL CHECK (entity IN ('certificate', 'definition')),
    livemode boolean NOT NULL,
    list_key text COLLATE "C" NOT NULL,
    failure text,
    PRIMARY KEY (list_key, livemode, entity)
);
COMMENT ON TABLE giftcert.reconciliation_list IS
    'How far reconcile has come: when each list of the sender was last compared, when it is to be asked for again, and what went wrong since.';
COMMENT ON COLUMN giftcert.reconciliation_list.list_key IS
    'Whose list it is: a customer number (certificates), or an account id (definitions).';

CREATE TABLE giftcert.reconciliation_item (
    looked_at timestamptz NOT NULL,
    differs_since timestamptz,
    amount_here bigint,
    amount_there bigint,
    price_here bigint,
    price_there bigint,
    run_id bigint NOT NULL,
    verdict giftcert.reconciliation_verdict NOT NULL,
    entity text COLLATE "C" NOT NULL CHECK (entity IN ('certificate', 'definition')),
    livemode boolean NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    list_key text COLLATE "C" NOT NULL,
    account_id text COLLATE "C",
    PRIMARY KEY (entity_id, livemode, entity)
)
WITH (fillfactor = 80);
CREATE INDEX reconciliation_item_open ON giftcert.reconciliation_item (list_key, livemode)
WHERE verdict <> 'match';
COMMENT ON TABLE giftcert.reconciliation_item IS
    'One row a certificate or definition that was compared: the newest look. What was said then holds only while ours has not moved since.';
COMMENT ON COLUMN giftcert.reconciliation_item.amount_here IS
    'What could be spent by our books then (of a definition: its value), in 1/100000; NULL where we had none.';
COMMENT ON COLUMN giftcert.reconciliation_item.amount_there IS
    'The same by the sender''s list; NULL where it was not in it, or said no readable amount.';
COMMENT ON COLUMN giftcert.reconciliation_item.price_here IS 'Of a definition: its price by our tables.';
COMMENT ON COLUMN giftcert.reconciliation_item.list_key IS 'The list that was looked at: see reconciliation_list.';

-- One row: when the sender may be asked next, by whomever.
CREATE TABLE giftcert.sender_pace (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO giftcert.sender_pace DEFAULT VALUES;
COMMENT ON TABLE giftcert.sender_pace IS 'When the sender''s API may be asked next, by any of our processes.';

CREATE TABLE giftcert.sender_undelivered (
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    oldest_at timestamptz,
    webhooks bigint NOT NULL
);
COMMENT ON TABLE giftcert.sender_undelivered IS
    'What the sender had as undelivered when it was last asked: one row at most.';

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'reconciliation_run', 'reconciliation_list', 'reconciliation_item', 'sender_pace', 'sender_undelivered'
    ] LOOP
        EXECUTE format('ALTER TABLE giftcert.%I OWNER TO giftledger_owner', relation);
    END LOOP;
END
$$;
ALTER TYPE giftcert.reconciliation_verdict OWNER TO giftledger_owner;
ALTER FUNCTION giftcert.why_not_askable OWNER TO giftledger_owner;
GRANT SELECT, INSERT, UPDATE ON giftcert.reconciliation_run, giftcert.reconciliation_list, giftcert.reconciliation_item
    TO giftledger_writer;
GRANT SELECT, UPDATE ON giftcert.sender_pace TO giftledger_writer;
GRANT SELECT, INSERT, DELETE ON giftcert.sender_undelivered TO giftledger_writer;

-- migrate:down

DO $$
DECLARE
    views text;
    functions text;
BEGIN
    -- The reports are made of these tables; `giftledger migrate` of the version that stays makes its own.
    SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') INTO views
    FROM pg_views
    WHERE schemaname IN ('reporting', 'reporting_test', 'reporting_internal') AND viewowner = 'giftledger_owner';

    SELECT string_agg(oid::regprocedure::text, ', ') INTO functions
    FROM pg_proc
    WHERE pronamespace IN ('reporting'::regnamespace, 'reporting_test'::regnamespace, 'reporting_internal'::regnamespace)
        AND proowner = 'giftledger_owner'::regrole
        AND prorettype <> 'trigger'::regtype;

    EXECUTE coalesce('DROP VIEW ' || views, '');
    EXECUTE coalesce('DROP FUNCTION ' || functions, '');
END
$$;
DROP TABLE giftcert.reconciliation_item, giftcert.reconciliation_list, giftcert.reconciliation_run;
DROP TABLE giftcert.sender_pace, giftcert.sender_undelivered;
DROP FUNCTION giftcert.why_not_askable;
DROP TYPE giftcert.reconciliation_verdict;
