-- Accounts ($1 livemode) whose definitions are due: confirmed before $2 or never, or to be asked for again by now. $3: the
-- accounts that the key speaks for.
SELECT account.account_id AS list_key, '{}'::text[] AS known
FROM (SELECT DISTINCT account_id FROM definition WHERE livemode = $1) AS account
LEFT JOIN reconciliation_list AS asked
    ON asked.list_key = account.account_id AND asked.livemode = $1 AND asked.entity = 'definition'
WHERE account.account_id <> ''
    AND length(account.account_id) <= 256
    AND ($3::text[] IS NULL OR account.account_id = ANY ($3))
    AND (asked.asked_at IS NULL OR asked.asked_at < $2 OR asked.again_at <= clock_timestamp())
    AND (
        asked.failed_at IS NULL
        OR asked.failed_at + least(interval '1 day', interval '30 seconds' * 2 ^ least(asked.failures, 20)) <= clock_timestamp()
    )
ORDER BY asked.asked_at NULLS FIRST, account.account_id
