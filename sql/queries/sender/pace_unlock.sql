SELECT pg_advisory_unlock(hashtextextended('giftledger sender pace', 0))
