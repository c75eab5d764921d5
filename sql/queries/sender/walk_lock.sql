-- Whoever walks the customers holds it; it ends with the session.
SELECT pg_advisory_lock(hashtextextended('giftledger reconcile', 0))
