SELECT verdict, customer_number, entity, entity_id, here, there, differs_since, account_id, currency
FROM {schema}.reconciliation
WHERE is_settled
ORDER BY verdict, differs_since, entity_id
