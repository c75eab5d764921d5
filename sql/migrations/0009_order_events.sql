-- migrate:up

-- What an event says that cannot be true. Definitions have no history: theirs are those of the newest description.
ALTER TABLE giftcert.certificate_history ADD COLUMN doubts text[];
ALTER TABLE giftcert.definition ADD COLUMN doubts text[];
COMMENT ON COLUMN giftcert.certificate_history.doubts IS
    'What the event says that cannot be true, as "rule what"; NULL where there is nothing of that.';
COMMENT ON COLUMN giftcert.definition.doubts IS
    'What the description says that cannot be true, as "rule what"; NULL where there is nothing of that.';

-- Created stands before all else, and the number of paid transactions breaks ties.
COMMENT ON TABLE giftcert.certificate_history IS
    'One row an event of a certificate, immutable; late events stand at their place in the order '
    '(kind <> ''created'', occurred_at, emitted_at, kind, coalesce(transactions_paid, -1), event_id).';
COMMENT ON TABLE giftcert.certificate IS
    'Current state: one row a certificate, from its newest update, else from its purchase, the first created event.';
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['certificate', 'certificate_history'] LOOP
        EXECUTE format($f$
            COMMENT ON COLUMN giftcert.%I.occurred_at IS
                'When it happened: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created.';
        $f$, table_name);
    END LOOP;
END
$$;
COMMENT ON COLUMN giftcert.definition.occurred_at IS
    'When the description was made: data.updatedAt, else (of a created event) data.createdAt, else the envelope''s created; NULL while only the delete is known.';

-- The smallest and the largest dates that earlier versions let in were stored as infinities, on which the worker, which
-- reads them without a zone, ends. They keep their place in the order; `giftledger rebuild` gives them the right one.
DO $$
DECLARE
    dated record;
BEGIN
    FOR dated IN
        SELECT *
        FROM (
            VALUES
                ('webhook_attempt', 'emitted_at'), ('webhook_attempt', 'received_at'),
                ('certificate', 'occurred_at'), ('certificate', 'emitted_at'), ('certificate', 'created_at'),
                ('certificate_history', 'occurred_at'), ('certificate_history', 'emitted_at'),
                ('certificate_history', 'received_at'),
                ('definition', 'occurred_at'), ('definition', 'emitted_at'),
                ('definition', 'created_at'), ('definition', 'deleted_at')
        ) AS column_of (table_name, column_name)
    LOOP
        EXECUTE format(
            $f$
                UPDATE giftcert.%1$I
                SET %2$I = least(greatest(%2$I, timestamptz '2000-01-01Z'), timestamptz '2100-01-01Z')
                WHERE NOT isfinite(%2$I)
            $f$, dated.table_name, dated.column_name
        );
    END LOOP;
END
$$;

-- The first created event is the first in that order. Without their triggers the digests are made anew when the reports
-- are installed.
ALTER TABLE reporting_internal.certificate_digest ADD COLUMN purchase_transactions_paid integer;
DROP TRIGGER IF EXISTS digest_insert ON giftcert.certificate_history;
DROP TRIGGER IF EXISTS digest_insert ON giftcert.certificate;

-- migrate:down

-- With the columns go the reports; the next `giftledger migrate` brings them and the digests' triggers back.
DROP TRIGGER IF EXISTS digest_insert ON giftcert.certificate_history;
DROP TRIGGER IF EXISTS digest_insert ON giftcert.certificate;
ALTER TABLE reporting_internal.certificate_digest DROP COLUMN purchase_transactions_paid CASCADE;
ALTER TABLE giftcert.definition DROP COLUMN doubts CASCADE;
ALTER TABLE giftcert.certificate_history DROP COLUMN doubts CASCADE;
