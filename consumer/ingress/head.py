"""Head: what the ingress reads of a request before its body, and what it refuses there.

Where a request ends, the parser has judged. What is refused here are requests that somebody between the sender and us
could read otherwise than we do (RFC 9112, 2.3, 3.2 and 6.1), and bodies that are not the bytes that were signed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.types import Scope

from consumer.ingress.answers import Refusal
from consumer.ingress.signature import HEADER

# A request's headers, their names in lower case.
Head = Mapping[str, str]

# Each of these has one value. Given twice, two readers may take another one each: then nobody's is taken.
ONCE = ("host", "content-length", "transfer-encoding", "content-encoding", "expect", "traceparent", HEADER)
# The characters of a host and its port (RFC 3986, 3.2.2).
_HOST = re.compile(r"[\w.~!$&'()*+,;=:%\[\]-]*", re.ASCII)


def read_head(scope: Scope) -> Head:
    """Give the headers. Raises Refusal."""
    given = scope["headers"]
    head = {name.decode("latin-1"): value.decode("latin-1") for name, value in given}
    version, host, encoding = scope["http_version"], head.get("host"), head.get("transfer-encoding")
    if version not in {"1.1", "1.0"}:
        raise _malformed("The version of HTTP must be 1.1 or 1.0")
    if host is None and version == "1.1":
        raise _malformed("Header host is missing")
    if host is not None and not _HOST.fullmatch(host):
        raise _malformed("Header host is not a host")
    if encoding is not None and (version == "1.0" or encoding.lower() != "chunked"):
        # Where its body ends, others may see otherwise: nothing that follows is a request.
        raise _malformed(
            "Header transfer-encoding may only be chunked, and not in version 1.0", {"Connection": "close"}
        )
    if len(head) < len(given) and (name := _repeated(given)):
        raise _malformed(f"Header {name} is given twice")
    return head


def _malformed(detail: str, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "head_malformed", detail, headers)


def _repeated(given: list[tuple[bytes, bytes]]) -> str | None:
    """Name a header of ONCE that is given twice."""
    counts = Counter(name.decode("latin-1") for name, _ in given)
    return next((name for name in ONCE if counts[name] > 1), None)


def refuse_encoded(head: Head) -> None:
    """Refuse a body that is compressed: its bytes are not those that were signed. Raises Refusal."""
    encoding = head.get("content-encoding", "")
    if any(coding.strip().lower() not in {"", "identity"} for coding in encoding.split(",")):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            "Header content-encoding must be identity: the signature is that of the body as it was signed",
            {"Accept-Encoding": "identity"},
        )


def write_without_offer(method: bytes, target: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write a head anew, without `Upgrade` and without what `Connection` says of it."""
    kept = [(name, _without_upgrade(value) if name == b"connection" else value) for name, value in headers]
    lines = b"".join(b"%b: %b\r\n" % (name, value) for name, value in kept if name != b"upgrade")
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version, lines)


def _without_upgrade(connection: bytes) -> bytes:
    options = [option.strip() for option in connection.split(b",")]
    return b", ".join(option for option in options if option.lower() != b"upgrade")
