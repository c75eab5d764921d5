-- The definitions of an account ($2), and any of these ($3), by $1 livemode; one that is deleted is worth nothing.
SELECT
    definition_id AS entity_id,
    CASE WHEN deleted_at IS NULL THEN value ELSE 0 END AS amount,
    price,
    account_id
FROM definition
WHERE livemode = $1 AND (account_id = $2 OR definition_id = ANY ($3))
