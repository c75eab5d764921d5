"""Sender: asks the sender's own API what it says, compares, and has undelivered webhooks sent again.

It never writes a balance and never invents an event: what is missing comes as a webhook, or not at all.
"""
