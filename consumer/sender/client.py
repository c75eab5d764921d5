"""Client: asks the sender's API, in turns, and of the host that SENDER_API_URL names only.

What comes back is anybody's: its bytes are bounded, a redirection is a refusal, and no message quotes it.
"""

import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog
import tenacity

from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.postgres.database import Connection
from consumer.sender.pace import Pace
from schemas.registry import Malformed
from schemas.text import storable

if TYPE_CHECKING:
    import aiohttp

log = structlog.get_logger()
T = TypeVar("T")

# A page has 20 certificates of some 3 kB each.
MAX_ANSWER_BYTES = 4 * 2**20
# So often a question is asked before its answer counts as none.
ATTEMPTS = 5
# What a sender may ask us to wait at most: beyond, its Retry-After is a mistake.
LONGEST_HOLD = 3600.0
_PLAIN = re.compile("[A-Za-z0-9_-]{1,100}")
_CODE = re.compile("[A-Za-z0-9_.-]{1,60}")
_CONNECT_SECONDS = 10.0
_UNAUTHORIZED, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 401, 404, 429, 500


class NoAnswer(Exception):
    """The sender did not answer, or not with what was asked for; the message says how, and quotes nothing."""


class NotThere(NoAnswer):
    """404: the sender knows no such thing."""


class NotNow(NoAnswer):
    """It may do if it is asked again: nobody answered, or with an error of the sender's own, or with no JSON."""


class SenderApi:
    """The sender's API. Every question waits for its turn, and is repeated where that may help."""

    def __init__(self, settings: Settings, session: "aiohttp.ClientSession", pace: Pace) -> None:
        self._base = settings.sender_api
        self._session = session
        self._pace = pace
        self.requests = 0

    async def get(self, path: str, read: Callable[[bytes], T], **query: str) -> T:
        """Ask, and read the answer with ``read``, which raises Malformed. Raises NoAnswer, and Fatal on a 401."""
        return await self._repeated("GET", path, read, query)

    async def put(self, path: str) -> None:
        """Tell the sender to do something that may be done twice. Raises NoAnswer, and Fatal on a 401."""
        await self._repeated("PUT", path, lambda _: None, {})

    async def _repeated(self, method: str, path: str, read: Callable[[bytes], T], query: dict[str, str]) -> T:
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(NotNow),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            before_sleep=_tell,
            reraise=True,
        ):
            with attempt:
                return await self._once(method, path, read, query)
        raise AssertionError("unreachable: reraise")

    async def _once(self, method: str, path: str, read: Callable[[bytes], T], query: dict[str, str]) -> T:
        from aiohttp import ClientError  # noqa: PLC0415 - an extra

        async with self._pace.turn():
            self.requests += 1
            try:
                async with self._session.request(
                    method, f"{self._base}/{path}", params=query, allow_redirects=False
                ) as response:
                    status, retry_after = response.status, response.headers.get("retry-after", "")
                    kind = response.content_type if _CODE.fullmatch(response.content_type.replace("/", "-")) else "?"
                    encoding = response.headers.get("content-encoding", "identity")
                    body = await _bounded(response)
            except (ClientError, OSError, TimeoutError, ValueError) as error:
                raise _unreached(error) from None
            hold = asked_to_wait(retry_after)
            if hold:
                await self._pace.hold(hold)
        _judge(status, body, hold)
        if encoding != "identity":
            raise NoAnswer("the answer is encoded, although that was not asked for")
        try:
            return read(body)
        except Malformed as error:
            raise NotNow(f"the answer ({kind}) is not what is documented: {error}") from None


@asynccontextmanager
async def sender_api(settings: Settings, connection: Connection) -> AsyncIterator[SenderApi]:
    """Give the way to the sender's API. Raises SettingsError, and Fatal where aiohttp is not installed."""
    try:
        import aiohttp  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise Fatal("aiohttp is missing: pip install 'giftledger[reconcile]'") from None
    settings.sender_api  # noqa: B018 - before anything is opened
    seconds = settings.sender_api_timeout_seconds
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_tls(settings.sender_api_cafile), limit=1),
        timeout=aiohttp.ClientTimeout(total=seconds, connect=min(seconds, _CONNECT_SECONDS)),
        headers=_headers(settings),
        # What a few bytes decompress to has no bound; cookies and proxies lead elsewhere than the settings say.
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as session:
        yield SenderApi(settings, session, Pace(connection, 1 / settings.sender_api_rate))


def _headers(settings: Settings) -> dict[str, str]:
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "giftledger"}
    if settings.sender_api_key:
        headers["x-api-key"] = settings.sender_api_key.reveal()
    if settings.sender_api_token:
        headers["authorization"] = f"Bearer {settings.sender_api_token.reveal()}"
    return headers


def _tls(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise Fatal(f"SENDER_API_CAFILE: cannot read {cafile}: {error.strerror or 'no certificate in PEM'}") from None


async def _bounded(response: "aiohttp.ClientResponse") -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            raise NoAnswer(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _unreached(error: Exception) -> NoAnswer:
    inner = getattr(error, "certificate_error", None)  # aiohttp's own form of an untrusted certificate
    if inner is not None:
        reason = getattr(inner, "verify_message", type(inner).__name__)
        return NoAnswer(f"its certificate is not to be trusted: {reason}. Look at SENDER_API_CAFILE")
    return NotNow(f"no answer: {type(error).__name__}")


def _judge(status: int, body: bytes, hold: float) -> None:
    if 200 <= status < 300:  # noqa: PLR2004
        return
    said = f"it answers {status}{_code(body)}"
    if status == _UNAUTHORIZED:
        raise Fatal(f"The sender's API does not take SENDER_API_KEY and SENDER_API_TOKEN: {said}.")
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        raise NotNow(f"{said}, and wants {hold:.0f} s" if hold else said)
    raise NotThere(said) if status == _NOT_FOUND else NoAnswer(said)


def is_plain(entity_id: str) -> bool:
    """Tell whether an id can be a part of a path: others could lead to another one. The sender's own are plain."""
    return _PLAIN.fullmatch(entity_id) is not None


def _code(body: bytes) -> str:
    """Give the code of the sender's error, where it has one: it is the only text that is ours to repeat."""
    try:
        code = msgspec.json.decode(storable(body[:10_000]), type=dict[str, Any]).get("code")
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return ""
    return f" {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""


def asked_to_wait(retry_after: str) -> float:
    """Read Retry-After in seconds: a number, or a date (RFC 9110, 10.2.3); anything else says nothing, and is 0."""
    try:
        if re.fullmatch("[0-9]+", retry_after):
            wanted = float(retry_after)
        else:
            wanted = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError, OSError, TypeError):
        return 0.0
    return min(max(0.0, wanted), LONGEST_HOLD)


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("the sender is asked again", reason=str(error), attempt=state.attempt_number)
