"""giftledger's worker against other ways from the same topic into the same Postgres: `make bench-peers`."""
