"""Schemas: what the sender sends, and what the worker's stages pass on. It imports nothing of `consumer/`."""
