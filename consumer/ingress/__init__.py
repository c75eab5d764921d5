"""Ingress: takes webhooks over HTTP and hands their bytes to Kafka. It reads no business data."""
