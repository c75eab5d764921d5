-- A month ($1) of an account ($2) is prepared, by whom ($3), with what was accepted ($4).
INSERT INTO giftcert.close_prepared (month, account_id, prepared_by, warnings) VALUES ($1, $2, $3, $4)
