"""OAUTHBEARER: a token from an authorization server (RFC 6749, client credentials), or from a file that others renew.

Covered: what KIP-768 covers for Kafka's own client, with the client's id and secret in the Basic header, a scope, and
extensions (as Confluent Cloud wants them). Not covered: assertions (RFC 7523), the token service of a cloud's own.
"""

import asyncio
import base64
import json
import re
import ssl
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode

from aiokafka.abc import AbstractTokenProvider

from consumer.common.errors import NoToken
from consumer.common.settings import Settings
from consumer.kafka.tls import naming

TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024
# A token is used for so much of its time: what begins with it must not end in the middle.
USED_SHARE = 0.8
# What a token may consist of (RFC 6750): anything else would be another message to the broker.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Token(NamedTuple):
    """A token, and until when (``time.monotonic``) it is used."""

    text: str
    until: float


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Gives each new connection a token: the same one for as long as it is good."""

    def __init__(self, get: Callable[[], Token], extensions: dict[str, str]) -> None:
        self._get = get
        self._extensions = extensions
        self._asking = asyncio.Lock()
        self._token = Token("", 0.0)

    async def token(self) -> str:
        """Give a token. Raises NoToken."""
        async with self._asking:
            if time.monotonic() >= self._token.until:
                self._token = await asyncio.to_thread(self._get)
        return self._token.text

    def extensions(self) -> dict[str, str]:
        """Give what goes to the broker beside the token."""
        return self._extensions


def token_provider(settings: Settings) -> TokenProvider:
    """Give the way to a token that the settings name. Raises SettingsError."""
    if settings.kafka_oauth_token_file:
        get = partial(read_token, Path(settings.kafka_oauth_token_file))
    else:
        get = partial(ask_for_token, settings, _opener(settings.kafka_oauth_cafile))
    return TokenProvider(get, dict(settings.kafka_oauth_extensions))


def read_token(path: Path) -> Token:
    """Read a token from its file, each time. Raises NoToken."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise NoToken(f"KAFKA_OAUTH_TOKEN_FILE: cannot read {path}: {reason}") from None
    return Token(_checked(text, f"KAFKA_OAUTH_TOKEN_FILE: {path}"), 0.0)


def ask_for_token(settings: Settings, opener: urllib.request.OpenerDirector) -> Token:
    """Ask the authorization server. Raises NoToken."""
    asked_at = time.monotonic()
    try:
        with opener.open(_request(settings), timeout=TIMEOUT_SECONDS) as answer:
            fields = json.loads(answer.read(MAX_ANSWER_BYTES))
        seconds = float(fields.get("expires_in", 0))
        text = _checked(str(fields["access_token"]), "KAFKA_OAUTH_TOKEN_URL: the answer")
    except HTTPError as refusal:
        with refusal:
            raise NoToken(f"KAFKA_OAUTH_TOKEN_URL answers {refusal.code}{_reason(refusal)}") from None
    except OSError as error:
        raise NoToken(f"KAFKA_OAUTH_TOKEN_URL cannot be reached: {_nature(error)}") from None
    except (ValueError, TypeError, LookupError, AttributeError):
        raise NoToken("KAFKA_OAUTH_TOKEN_URL: the answer is no token (RFC 6749, section 5.1)") from None
    return Token(text, asked_at + USED_SHARE * min(max(seconds, 0.0), 86_400.0))


def _request(settings: Settings) -> urllib.request.Request:
    secret = settings.kafka_oauth_client_secret
    client = f"{quote_plus(settings.kafka_oauth_client_id or '')}:{quote_plus(secret.reveal() if secret else '')}"
    form = {"grant_type": "client_credentials"}
    if settings.kafka_oauth_scope:
        form["scope"] = settings.kafka_oauth_scope
    return urllib.request.Request(  # noqa: S310 - https, as the settings see to it
        settings.kafka_oauth_token_url or "",
        urlencode(form).encode(),
        {"Authorization": f"Basic {base64.b64encode(client.encode()).decode()}", "Accept": "application/json"},
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirection for a refusal: the client's secret goes where the settings say, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(cafile: str | None) -> urllib.request.OpenerDirector:
    with naming("KAFKA_OAUTH_CAFILE", cafile or "", "holds no certificate in PEM"):
        context = ssl.create_default_context(cafile=cafile)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect)


def _checked(text: str, whose: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise NoToken(f"{whose} holds no token (RFC 6750, section 2.1)")
    return text


def _reason(refusal: HTTPError) -> str:
    """Give the error's code (RFC 6749, section 5.2), where the answer has one."""
    try:
        code = str(json.loads(refusal.read(MAX_ANSWER_BYTES))["error"])
    except (ValueError, TypeError, LookupError, OSError):
        return f" {HTTPStatus(refusal.code).phrase}" if refusal.code in HTTPStatus._value2member_map_ else ""
    return f" {code}" if re.fullmatch(r"[a-z_]{1,40}", code) else ""


def _nature(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {reason.verify_message}. Look at KAFKA_OAUTH_CAFILE"
    return type(reason).__name__
