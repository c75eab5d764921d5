INSERT INTO reconciliation_run (livemode, accounts) VALUES ($1, $2) RETURNING id
