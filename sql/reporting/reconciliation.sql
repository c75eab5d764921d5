CREATE OR REPLACE VIEW {schema}.reconciliation AS
SELECT
    verdict::text AS verdict,
    verdict IN ('balance_differs', 'missing_here', 'missing_there') AS is_settled,
    CASE WHEN entity = 'certificate' THEN list_key END AS customer_number,
    entity,
    entity_id,
    account_id,
    currency,
    amount_here * 0.00001 AS here,
    amount_there * 0.00001 AS there,
    price_here * 0.00001 AS price_here,
    price_there * 0.00001 AS price_there,
    differs_since,
    looked_at
FROM reporting_internal.compared
WHERE livemode = {livemode} AND verdict <> 'match' AND holds;

COMMENT ON VIEW {schema}.reconciliation IS
'Grain: one row a certificate or definition of which the sender''s own list says something else than our books.
Reader: whoever answers for the figures, and asks the sender''s support.
Definition: the newest look of `giftledger reconcile`, while ours stands as it did then: what has arrived since is gone from here. Nothing is corrected because of it.';
COMMENT ON COLUMN {schema}.reconciliation.verdict IS
'balance_differs: both have it, with other balances (of a definition: another value or price). missing_here: the sender lists it, and no webhook of it arrived. missing_there: we have it, and the sender does not list it. in_flight: it differs, and its webhook may be on its way. unreadable: the sender lists it without an amount that can be read.';
COMMENT ON COLUMN {schema}.reconciliation.is_settled IS
'It differed for longer than a webhook may take (RECONCILE_SETTLE_SECONDS): a difference that counts.';
COMMENT ON COLUMN {schema}.reconciliation.customer_number IS
'The customer number whose list was looked at; NULL for definitions.';
COMMENT ON COLUMN {schema}.reconciliation.here IS
'What could be spent by our books (of a definition: its value; 0 once it is deleted); NULL where we have none.';
COMMENT ON COLUMN {schema}.reconciliation.there IS
'The same by the sender''s list; NULL where it is not in it, or says no readable amount.';
COMMENT ON COLUMN {schema}.reconciliation.price_here IS 'Of a definition: its price by our tables.';
COMMENT ON COLUMN {schema}.reconciliation.price_there IS 'Of a definition: its price by the sender''s list.';
COMMENT ON COLUMN {schema}.reconciliation.currency IS
'The currency of the certificate; NULL where we do not have it, and for definitions.';
COMMENT ON COLUMN {schema}.reconciliation.differs_since IS 'When it was first seen to differ as it does; NULL where it is unreadable.';
COMMENT ON COLUMN {schema}.reconciliation.looked_at IS 'When the sender was last asked for it.';
