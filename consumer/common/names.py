"""Names of people: how they are written and compared."""

from unicodedata import normalize

from consumer.common.errors import Fatal

MAX_NAME = 200


def require_name(name: str) -> str:
    """Give a name in its one form (NFC, single blanks). Raises Fatal where it is none, or longer than MAX_NAME."""
    written = one_form(name)
    if not written or not written.isprintable():
        raise Fatal("--by: say who does it, in printable characters.")
    if len(written) > MAX_NAME:
        raise Fatal(f"--by: a name has at most {MAX_NAME} characters.")
    return written


def one_form(name: str) -> str:
    """Give a name in NFC, with one blank wherever there is white space between others."""
    return " ".join(normalize("NFC", name).split())


def is_same_name(one: str, other: str) -> bool:
    """Tell whether two names are the same but for upper case, white space, and how their characters are composed."""
    return _compared(one) == _compared(other)


def _compared(name: str) -> str:
    return normalize("NFC", one_form(name).casefold())
