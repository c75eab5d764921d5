-- The newest look at each: $1 livemode, $2 entity, $3 run, $4 list, then columns side by side.
INSERT INTO reconciliation_item (
    livemode, entity, run_id, list_key, looked_at, entity_id, verdict, differs_since, amount_here, amount_there,
    price_here, price_there, account_id
)
SELECT $1, $2, $3, $4, clock_timestamp(), look.*
FROM unnest(
    $5::text[], $6::reconciliation_verdict[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::bigint[], $12::text[]
) AS look
ON CONFLICT (entity_id, livemode, entity) DO UPDATE SET
    run_id = excluded.run_id,
    list_key = excluded.list_key,
    looked_at = excluded.looked_at,
    verdict = excluded.verdict,
    differs_since = excluded.differs_since,
    amount_here = excluded.amount_here,
    amount_there = excluded.amount_there,
    price_here = excluded.price_here,
    price_there = excluded.price_there,
    account_id = excluded.account_id
