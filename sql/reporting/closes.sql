CREATE OR REPLACE VIEW {schema}.closes AS
SELECT
    prepared.month,
    prepared.account_id,
    CASE
        WHEN signed.signatures > 0 THEN 'signed'
        WHEN close.id IS NOT NULL THEN 'cut'
        ELSE 'prepared'
    END AS state,
    prepared.prepared_by,
    prepared.prepared_at,
    close.cut_by,
    close.cut_at,
    signed.signed_by,
    signed.signed_at,
    json_array_length(prepared.warnings::json) AS accepted_warnings,
    (
        SELECT string_agg(warning ->> 0 || ': ' || (warning ->> 2), E'\n')
        FROM json_array_elements(prepared.warnings::json) AS warning
    ) AS accepted,
    (
        SELECT CASE WHEN close.id IS NOT NULL THEN count(*) END
        FROM giftcert.journal
        WHERE journal.id > close.last_line
            AND journal.livemode
            AND journal.account_id IS NOT DISTINCT FROM close.account_id
            AND journal.posting_day < close.month + interval '1 month'
    ) AS lines_since
FROM (
    SELECT DISTINCT ON (newest.month, newest.account_id)
        newest.id, newest.month, newest.account_id, newest.prepared_by, newest.prepared_at, newest.warnings
    FROM giftcert.close_prepared AS newest
    LEFT JOIN giftcert.close ON close.prepared = newest.id
    WHERE {livemode}
    -- Of a month that is closed the preparation that counted, else the newest.
    ORDER BY newest.month, newest.account_id, close.id IS NULL, newest.id DESC
) AS prepared
LEFT JOIN giftcert.close ON close.prepared = prepared.id
LEFT JOIN LATERAL (
    SELECT
        count(*) AS signatures,
        string_agg(one.signed_by, ', ' ORDER BY one.signed_at) AS signed_by,
        min(one.signed_at) AS signed_at
    FROM (
        SELECT signature.signed_by, min(signature.signed_at) AS signed_at
        FROM giftcert.close_signature AS signature
        WHERE signature.close_id = close.id
        GROUP BY signature.signed_by
    ) AS one
) AS signed ON true;

COMMENT ON VIEW {schema}.closes IS
'Grain: one row a month and account that was prepared or closed.
Reader: finance and auditors: which months are closed, and who answers for them?
Definition: prepared, then cut (closed: what comes late is booked into the next month), then signed; `giftledger close` does it, and verifies and proves what was signed. Of test traffic nothing is closed.';
COMMENT ON COLUMN {schema}.closes.month IS 'The first day of the month.';
COMMENT ON COLUMN {schema}.closes.state IS 'prepared, cut or signed.';
COMMENT ON COLUMN {schema}.closes.prepared_by IS 'Who looked at what stood against it.';
COMMENT ON COLUMN {schema}.closes.prepared_at IS 'When.';
COMMENT ON COLUMN {schema}.closes.cut_by IS 'Who closed it; NULL while it is open.';
COMMENT ON COLUMN {schema}.closes.cut_at IS 'When.';
COMMENT ON COLUMN {schema}.closes.signed_by IS 'Who signed it; NULL while nobody has.';
COMMENT ON COLUMN {schema}.closes.signed_at IS 'When the first of them did.';
COMMENT ON COLUMN {schema}.closes.accepted_warnings IS 'How many warnings were accepted.';
COMMENT ON COLUMN {schema}.closes.accepted IS 'The rules of these, each with why it may stand, one a line.';
COMMENT ON COLUMN {schema}.closes.lines_since IS
'How many lines were booked since the cut for this month or those before it: the drift, which rollforward_restatements explains; NULL while it is open, 0 where nothing came late.';
