-- Whoever asks the sender holds it, from its turn to the answer. It ends with the session.
SELECT pg_advisory_lock(hashtextextended('giftledger sender pace', 0))
