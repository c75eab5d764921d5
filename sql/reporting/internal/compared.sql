-- What the sender said of each certificate and definition, beside what we have now, live and test. A look holds only while
-- ours stands as it did then. Amounts in 1/100000.
CREATE OR REPLACE VIEW reporting_internal.compared AS
SELECT
    item.livemode,
    item.entity,
    item.entity_id,
    item.list_key,
    item.verdict,
    item.looked_at,
    item.differs_since,
    item.amount_here,
    item.amount_there,
    item.price_here,
    item.price_there,
    coalesce(holding.account_id, definition.account_id, item.account_id) AS account_id,
    holding.currency,
    CASE item.entity
        WHEN 'certificate' THEN holding.outstanding
        ELSE CASE WHEN definition.deleted_at IS NULL THEN definition.value ELSE 0 END
    END IS NOT DISTINCT FROM item.amount_here
    AND (item.entity = 'certificate' OR definition.price IS NOT DISTINCT FROM item.price_here) AS holds
FROM giftcert.reconciliation_item AS item
LEFT JOIN reporting_internal.holding
    ON item.entity = 'certificate' AND holding.certificate_id = item.entity_id AND holding.livemode = item.livemode
LEFT JOIN giftcert.definition
    ON item.entity = 'definition'
        AND definition.definition_id = item.entity_id
        AND definition.livemode = item.livemode;
