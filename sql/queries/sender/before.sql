-- What the looks before came to: of these ($3), and of what was open in this list ($4). $1 livemode, $2 entity.
SELECT entity_id, differs_since, amount_here, amount_there, list_key
FROM reconciliation_item
WHERE livemode = $1 AND entity = $2 AND entity_id = ANY ($3)
UNION
SELECT entity_id, differs_since, amount_here, amount_there, list_key
FROM reconciliation_item
WHERE livemode = $1 AND entity = $2 AND list_key = $4 AND verdict <> 'match'
