"""Texts in a CSV: what somebody else wrote is no formula there."""

# What programs that open a CSV take for the beginning of one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def literal(text: str) -> str:
    """Give a text as a CSV's cell; one that a program would take for a formula stands behind an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text
