"""Close: a month is closed, signed, proven, and derived again from the records. Nothing of the worker is in it."""
