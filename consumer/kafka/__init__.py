"""Kafka: connecting, topics, sending records, reading topics whole. The consumer group is in the worker's room."""
