SELECT pg_try_advisory_lock(hashtextextended('giftledger reconcile', 0))
