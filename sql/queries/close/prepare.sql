-- A month ($1) of an account ($2) is prepared, by whom ($3), with what was accepted ($4), and the coverage ($5).
INSERT INTO giftcert.close_prepared (month, account_id, prepared_by, warnings, coverage) VALUES ($1, $2, $3, $4, $5)
