"""Signed: what is signed of a close, to the byte: forms, rows, hashes, manifest, keys. Nothing here asks a database."""
