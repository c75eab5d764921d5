-- migrate:up

-- Where the books were cut is not for him to say who closes a month: a false position makes true lines look as if they had
-- come too late. The database notes it; the tables' owner may give another, to put back a row that was lost.
CREATE FUNCTION giftcert.note_where_books_stand() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM giftcert.close_prepared AS prepared
        WHERE prepared.id = NEW.prepared AND prepared.month = NEW.month
            AND prepared.account_id IS NOT DISTINCT FROM NEW.account_id
    ) THEN
        RAISE EXCEPTION '% of account % cannot be closed: that is no preparation of it',
            to_char(NEW.month, 'YYYY-MM'), coalesce(NEW.account_id, '(none)') USING ERRCODE = 'check_violation';
    END IF;
    -- The closing lock, exclusively: no transaction has taken a number that it may still use, so what the sequences gave
    -- out last is the position. Its key is that of books/enter.
    PERFORM pg_advisory_xact_lock(7305718091);
    SELECT
        coalesce(NEW.cut_at, clock_timestamp()),
        coalesce(NEW.last_line, CASE WHEN line.is_called THEN line.last_value ELSE 0 END),
        coalesce(NEW.last_settled, CASE WHEN settled.is_called THEN settled.last_value ELSE 0 END),
        coalesce(NEW.time_zone, setting.time_zone),
        coalesce(
            NEW.account_currencies,
            (SELECT json_object_agg(account_id, currency_code ORDER BY account_id)::text FROM giftcert.account_currency),
            '{}'
        )
    INTO NEW.cut_at, NEW.last_line, NEW.last_settled, NEW.time_zone, NEW.account_currencies
    FROM giftcert.journal_id_seq AS line, giftcert.settled_id_seq AS settled, giftcert.reporting_setting AS setting;
    RETURN NEW;
END
$$;
ALTER FUNCTION giftcert.note_where_books_stand OWNER TO giftledger_owner;
COMMENT ON FUNCTION giftcert.note_where_books_stand IS
    'Notes of a close when it was cut, where the books stood then, and by which settings: nobody else says so.';
CREATE TRIGGER note_where_books_stand
BEFORE INSERT ON giftcert.close
FOR EACH ROW EXECUTE FUNCTION giftcert.note_where_books_stand();
REVOKE INSERT ON giftcert.close FROM giftledger_closer;
GRANT INSERT (prepared, month, account_id, cut_by) ON giftcert.close TO giftledger_closer;

-- A close and the month up to which its account is closed are written together; the rules for the month then hold for the
-- close, too. Looked at when the transaction ends, for one is written after the other.
CREATE FUNCTION giftcert.refuse_halves_of_closes() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM giftcert.close
        JOIN giftcert.closed_period AS closed
            ON closed.account_id IS NOT DISTINCT FROM close.account_id AND closed.month = close.month
        WHERE close.account_id IS NOT DISTINCT FROM NEW.account_id AND close.month = NEW.month
    ) THEN
        RAISE EXCEPTION '% of account % cannot be closed: close and closed_period are written together',
            to_char(NEW.month, 'YYYY-MM'), coalesce(NEW.account_id, '(none)') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION giftcert.refuse_halves_of_closes OWNER TO giftledger_owner;
COMMENT ON FUNCTION giftcert.refuse_halves_of_closes IS
    'Refuses a close of a month that is not the last closed one of its account, and a closed month without a close.';
CREATE CONSTRAINT TRIGGER refuse_halves_of_closes
AFTER INSERT ON giftcert.close DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_halves_of_closes();
CREATE CONSTRAINT TRIGGER refuse_halves_of_closes
AFTER INSERT OR UPDATE ON giftcert.closed_period DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION giftcert.refuse_halves_of_closes();

-- What can be no signature is none, and no program need read its time. What is there stays: it is a notice.
ALTER TABLE giftcert.close_signature
    ADD CONSTRAINT close_signature_form CHECK (
        octet_length(public_key) = 32 AND octet_length(signature) = 64
        AND signed_at >= timestamptz '2000-01-01 00:00+00' AND signed_at < timestamptz '3000-01-01 00:00+00'
    ) NOT VALID;

-- migrate:down

ALTER TABLE giftcert.close_signature DROP CONSTRAINT close_signature_form;
DROP TRIGGER refuse_halves_of_closes ON giftcert.closed_period;
DROP TRIGGER refuse_halves_of_closes ON giftcert.close;
DROP FUNCTION giftcert.refuse_halves_of_closes;
REVOKE INSERT ON giftcert.close FROM giftledger_closer;
GRANT INSERT (
    prepared, cut_at, last_line, last_settled, month, account_id, cut_by, time_zone, account_currencies
) ON giftcert.close TO giftledger_closer;
DROP TRIGGER note_where_books_stand ON giftcert.close;
DROP FUNCTION giftcert.note_where_books_stand;
