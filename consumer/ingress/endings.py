"""Endings: the answers that come from no request, for none could be read; the connection is closed behind them."""

_PROBLEM = b'{"title":"%s","status":%d,"detail":"%s"}'
_ANSWER = (
    b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
)


class Ending:
    """What a connection ends with when something came that is no request: an answer, and the metric's reason."""

    def __init__(self, status: int, title: str, detail: str, reason: str, header: bytes = b"") -> None:
        problem = _PROBLEM % (title.encode(), status, detail.encode())
        self.answer = _ANSWER % (status, title.encode(), len(problem), header, problem)
        self.reason = reason


TOO_MANY = Ending(503, "Service Unavailable", "Too many connections", "connections", b"retry-after: 1\r\n")
TOO_LARGE = Ending(431, "Request Header Fields Too Large", "The head is too large", "head_too_large")
TOO_SLOW = Ending(408, "Request Timeout", "The head did not come in time", "head_too_slow")
NOT_HTTP = Ending(400, "Bad Request", "This is no HTTP request", "not_http")
PADDED = Ending(400, "Bad Request", "Chunks or trailers take more than the body itself", "body_padded")
