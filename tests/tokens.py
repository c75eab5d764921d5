"""Tokens: an authorization server as tests play it, whose signature Kafka itself checks."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from deploy.local.security import OAUTH_AUDIENCE

KEY_ID = "test"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """Signs tokens, and publishes the key by which they are checked."""

    def __init__(self) -> None:
        self._key = generate_private_key(65537, 2048)

    def write_jwks(self, file: Path) -> Path:
        public = self._key.public_key().public_numbers()
        modulus, exponent = _base64(public.n.to_bytes(256, "big")), _base64(public.e.to_bytes(3, "big"))
        key = {"kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256", "n": modulus, "e": exponent}
        file.write_text(json.dumps({"keys": [key]}))
        return file

    def token(self, user: str, seconds: int = 300) -> str:
        """Give a token by which its bearer is a user of Kafka's for so long."""
        now = int(time.time())
        claims = {"sub": user, "aud": OAUTH_AUDIENCE, "iss": "test", "iat": now, "exp": now + seconds, "scope": "kafka"}
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_base64(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


class AuthorizationServer:
    """Answers as RFC 6749 says; ``answer`` is what it says next, instead of a token for the client that asks."""

    def __init__(self, issuer: Issuer, secrets: dict[str, str], token_seconds: int = 300) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.answer: tuple[int, Any] | None = None
        self._issuer, self._secrets, self._seconds = issuer, secrets, token_seconds
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, fields = server.respond(self.headers["Authorization"], form)
                body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/oauth2/token"

    def respond(self, authorization: str, form: str) -> tuple[int, Any]:
        self.asked.append(parse_qs(form))
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        client, secret = map(unquote_plus, given.split(":"))
        if self.answer:
            return self.answer
        if self._secrets.get(client) != secret:
            return 401, {"error": "invalid_client"}
        token = self._issuer.token(client, self._seconds)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self._seconds}

    @contextmanager
    def running(self) -> Iterator["AuthorizationServer"]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
