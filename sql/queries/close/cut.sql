-- Cut a month ($1) of an account ($2): which preparation ($3), by whom ($4). Under the closing lock, held exclusively; a
-- trigger notes where the books stand.
WITH cut AS (
    INSERT INTO giftcert.close (month, account_id, prepared, cut_by) VALUES ($1, $2, $3, $4)
    RETURNING id, month, account_id
),

closed AS (
    INSERT INTO giftcert.closed_period AS known (account_id, month)
    SELECT account_id, month FROM cut
    ON CONFLICT (account_id) DO UPDATE SET month = EXCLUDED.month WHERE known.month < EXCLUDED.month
)

SELECT id FROM cut
