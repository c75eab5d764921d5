-- The newest number that a line has taken, in whatever transaction; 0 while there is none. Read before holders.sql.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM giftcert.journal_id_seq
