"""A real Postgres and a real Kafka-protocol broker on loopback, for the demo, tests and benchmarks."""
