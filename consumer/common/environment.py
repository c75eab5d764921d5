"""Environment: reads the texts that settings are made of, and refuses by name what can only be a mistake.

A text is taken without the line end that many a tool puts behind it. Quotation marks around it, which an env file keeps
and a shell does not, would be part of it; so would a control character, and bytes that are not UTF-8 are no text.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and the reason, never a secret's value."""


class Secret:
    """A string that shows itself to nobody who does not ask."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(***)"

    def reveal(self) -> str:
        return self._value


class Pairs(dict[str, str]):
    """A setting of the form ``name=value,name=value``."""


class SecretPairs(dict[str, Secret]):
    """The same, where the values are secrets."""


class FileText(str):
    """A text that a file holds."""

    __slots__ = ()


# Names that nobody else's settings begin with, and the names that Kubernetes makes for each Service of a namespace.
_OURS = ("WEBHOOK_", "INGRESS_", "DEAD_LETTER_")
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_")
# How like a setting's name another one must be to be one that was misspelt: DATABASE_URI is, DATABASE_HOST is not.
_ALIKE = 0.85
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
_HALF_QUOTED = re.compile(r"""["'].*|.*["']""", re.DOTALL)
_NAME = re.compile(r"[^\s\"'=,#]+")


def read(environment: Mapping[str, str], names: Iterable[str], secrets: Collection[str]) -> dict[str, str]:
    """Give the texts of the settings that are given; ``secrets`` may come from files. Raises SettingsError."""
    texts: dict[str, str] = {name: _text(name, value) for name in names if (value := environment.get(name))}
    for name in secrets:
        if path := environment.get(f"{name}_FILE"):
            texts[name] = _file(f"{name}_FILE", path)
    return {name: text for name, text in texts.items() if text}


def misspelt(environment: Mapping[str, str], names: Collection[str], secrets: Collection[str]) -> dict[str, str | None]:
    """Give the names in the environment that look like settings and are none, each with the setting that may be meant.

    Also the file of a setting that is no secret, for it is not read.
    """
    known = [*names, *(f"{name}_FILE" for name in secrets)]
    found: dict[str, str | None] = {}
    for name in sorted(environment.keys() - set(known)):
        like = (
            [base]
            if (base := name.removesuffix("_FILE")) in names
            else get_close_matches(name.upper(), known, 1, _ALIKE)
        )
        if (like or name.startswith(_OURS)) and environment[name] and not _SERVICE_LINK.search(name):
            found[name] = like[0] if like else None
    return found


def _text(name: str, value: str) -> str:
    text = value.rstrip("\r\n")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{name}: not UTF-8") from None
    if _CONTROL.search(text):
        raise SettingsError(f"{name}: holds a line end or another control character")
    if text and not text.strip():
        raise SettingsError(f"{name}: is blank")
    if _QUOTED.fullmatch(text):
        raise SettingsError(f"{name}: is in quotation marks, which would be part of the value: take them away")
    return text


def _file(name: str, path: str) -> FileText:
    """Read a secret, without the mark of UTF-8 that Windows puts in front of it."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{name}: cannot read {path}: {reason}") from None
    if not text.strip():
        raise SettingsError(f"{name}: {path} is empty")
    return FileText(text)


def secret(text: str) -> Secret:
    """Read a secret; in a file, blanks and line ends around it are no part of it. Raises ValueError."""
    content = text.strip() if isinstance(text, FileText) else text
    if _CONTROL.search(content):
        raise ValueError("holds a line end or another control character")
    return Secret(content)


def pairs(text: str) -> dict[str, str]:
    """Read pairs: of the environment separated by commas, of a file one a line, taken whole. Raises ValueError."""
    if isinstance(text, FileText):
        parts = {f"line {number}": line.removesuffix("\r") for number, line in enumerate(text.split("\n"), 1)}
        quoted = _QUOTED
    else:
        parts = {f"pair {number}": part.strip() for number, part in enumerate(text.split(","), 1)}
        # What was in quotation marks, a comma in it has cut.
        quoted = _HALF_QUOTED
    read = [(place, *_pair(place, part, quoted)) for place, part in parts.items() if part.strip()]
    found = {name: value for _, name, value in read}
    if not found:
        raise ValueError("must be name=value")
    if len(found) < len(read):
        raise ValueError("must not give a name twice")
    return found


def _pair(place: str, part: str, quoted: re.Pattern[str]) -> tuple[str, str]:
    name, _, value = part.partition("=")
    if not (name and value):
        raise ValueError(f"{place} must be name=value, where a value that holds a comma can only be given in a file")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{place} must begin with a name without blanks, quotation marks, commas or a #")
    if _CONTROL.search(value) or value != value.strip():
        raise ValueError(f"{place} begins or ends its value with a blank, or holds a control character")
    if quoted.fullmatch(value):
        raise ValueError(f"{place} has its value in quotation marks, which would be part of it: take them away")
    return name, value
