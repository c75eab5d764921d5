-- migrate:up

-- What is signed of a month is the lines up to its cut: nobody may book into it later, whatever program he uses. One look a
-- statement, at what it wrote.
CREATE FUNCTION giftcert.refuse_lines_of_closed_months() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused record;
BEGIN
    -- An older snapshot would not see what is closed by now.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Lines are booked in transactions that read what is committed, not in % ones',
            current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- The closing lock: a cut waits for us, or we for it. Its key is that of books/enter.
    PERFORM pg_advisory_xact_lock_shared(7305718091);
    IF EXISTS (SELECT FROM giftcert.closed_period WHERE month >= (SELECT min(period) FROM booked WHERE livemode)) THEN
        SELECT booked.account_id, booked.period, booked.certificate_id INTO refused
        FROM booked
        JOIN giftcert.closed_period AS closed ON closed.account_id IS NOT DISTINCT FROM booked.account_id
        WHERE booked.livemode AND booked.period <= closed.month
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'A line of certificate % cannot be booked into %: that month of account % is closed',
                refused.certificate_id, to_char(refused.period, 'YYYY-MM'), coalesce(refused.account_id, '(none)')
                -- No row's own fault: a worker that books so must not make a dead letter of it.
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION giftcert.refuse_lines_of_closed_months OWNER TO giftledger_owner;
COMMENT ON FUNCTION giftcert.refuse_lines_of_closed_months IS
    'Refuses lines whose period is closed for their account: a closed month stays as it was cut.';
CREATE TRIGGER refuse_lines_of_closed_months
AFTER INSERT ON giftcert.journal
REFERENCING NEW TABLE AS booked
FOR EACH STATEMENT EXECUTE FUNCTION giftcert.refuse_lines_of_closed_months();

-- A month can be closed when it is over in every time zone: twelve hours after its end in UTC. Then the next one, and never
-- an earlier one.
CREATE FUNCTION giftcert.refuse_months_out_of_turn() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.month < date '2000-01-01' OR NEW.month > date '2999-12-01'
        OR NEW.month + interval '1 month 12 hours' > clock_timestamp() AT TIME ZONE 'UTC'
    THEN
        RAISE EXCEPTION '% cannot be closed: it is not over in every time zone, or no month of ours',
            to_char(NEW.month, 'YYYY-MM') USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.month <> OLD.month + interval '1 month' THEN
        RAISE EXCEPTION '% cannot be closed: after % comes the next month',
            to_char(NEW.month, 'YYYY-MM'), to_char(OLD.month, 'YYYY-MM') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
ALTER FUNCTION giftcert.refuse_months_out_of_turn OWNER TO giftledger_owner;
COMMENT ON FUNCTION giftcert.refuse_months_out_of_turn IS
    'Refuses to close a month that is not over in every time zone, and any but the next one.';
CREATE TRIGGER refuse_months_out_of_turn
BEFORE INSERT OR UPDATE ON giftcert.closed_period
FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_months_out_of_turn();

-- Who inserts may choose no number that a sequence gives, nor when he acknowledged or prepared: a close is a position among
-- these. OVERRIDING SYSTEM VALUE and COPY ask for no other right than that of the column.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT
            inserts.relation, inserts.role,
            string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
        FROM (
            VALUES
                ('giftcert.journal', 'giftledger_writer'),
                ('giftcert.settled', 'giftledger_writer'),
                ('giftcert.rebooking_task', 'giftledger_writer'),
                ('giftcert.exception_acknowledgement', 'giftledger_writer'),
                ('giftcert.reconciliation_run', 'giftledger_writer'),
                ('giftcert.close_prepared', 'giftledger_closer'),
                ('giftcert.close', 'giftledger_closer')
        ) AS inserts (relation, role)
        JOIN pg_attribute ON attrelid = inserts.relation::regclass
        WHERE attnum > 0 AND NOT attisdropped AND attidentity = '' AND attname NOT IN ('acknowledged_at', 'prepared_at')
        GROUP BY inserts.relation, inserts.role
    LOOP
        EXECUTE format('REVOKE INSERT ON %s FROM %I', granted.relation, granted.role);
        EXECUTE format('GRANT INSERT (%s) ON %s TO %I', granted.columns, granted.relation, granted.role);
    END LOOP;
END
$$;
-- Of a task only that it is done.
REVOKE UPDATE ON giftcert.rebooking_task FROM giftledger_writer;
GRANT UPDATE (done_at) ON giftcert.rebooking_task TO giftledger_writer;
-- `giftledger verify` looks whether anything was put into a closed month.
GRANT SELECT ON giftcert.close TO giftledger_writer;

-- A signature that fits nothing, under the key of somebody else, must not keep him from signing.
ALTER TABLE giftcert.close_signature
    DROP CONSTRAINT close_signature_pkey,
    ADD PRIMARY KEY (close_id, public_key, signature);

-- migrate:down

ALTER TABLE giftcert.close_signature
    DROP CONSTRAINT close_signature_pkey,
    ADD PRIMARY KEY (close_id, public_key);
REVOKE SELECT ON giftcert.close FROM giftledger_writer;
REVOKE INSERT, UPDATE
    ON giftcert.journal, giftcert.settled, giftcert.rebooking_task, giftcert.exception_acknowledgement,
    giftcert.reconciliation_run
    FROM giftledger_writer;
GRANT INSERT
    ON giftcert.journal, giftcert.settled, giftcert.rebooking_task, giftcert.exception_acknowledgement,
    giftcert.reconciliation_run
    TO giftledger_writer;
GRANT UPDATE ON giftcert.rebooking_task, giftcert.reconciliation_run TO giftledger_writer;
REVOKE INSERT ON giftcert.close_prepared, giftcert.close FROM giftledger_closer;
GRANT INSERT ON giftcert.close_prepared, giftcert.close TO giftledger_closer;
DROP TRIGGER refuse_months_out_of_turn ON giftcert.closed_period;
DROP FUNCTION giftcert.refuse_months_out_of_turn;
DROP TRIGGER refuse_lines_of_closed_months ON giftcert.journal;
DROP FUNCTION giftcert.refuse_lines_of_closed_months;
