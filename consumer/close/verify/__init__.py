"""Verify: whether a close is what was signed: by itself, in the database, in files, by a proof, and from the topics."""
