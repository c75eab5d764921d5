-- Cut a month ($1) of an account ($2): which preparation ($3), by whom ($4). Under the closing lock, held exclusively, no
-- transaction has taken a number that it may still use: what the sequences gave out last is the position.
WITH cut AS (
    INSERT INTO giftcert.close (
        month, account_id, prepared, cut_by, cut_at, last_line, last_settled, time_zone, account_currencies
    )
    SELECT
        $1, $2, $3, $4, clock_timestamp(),
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM giftcert.journal_id_seq),
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM giftcert.settled_id_seq),
        time_zone,
        coalesce(
            (SELECT json_object_agg(account_id, currency_code ORDER BY account_id)::text FROM giftcert.account_currency),
            '{}'
        )
    FROM giftcert.reporting_setting
    RETURNING id, month, account_id
),

closed AS (
    INSERT INTO giftcert.closed_period AS known (account_id, month)
    SELECT account_id, month FROM cut
    ON CONFLICT (account_id) DO UPDATE SET month = EXCLUDED.month WHERE known.month < EXCLUDED.month
)

SELECT id FROM cut
