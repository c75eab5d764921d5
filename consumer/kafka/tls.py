"""TLS to Kafka: whom we trust, and what we prove ourselves with where the broker asks for it (mTLS).

Certificates are renewed while a process runs: each new connection takes the files as they are then.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import structlog

from consumer.common.settings import Settings, SettingsError

log = structlog.get_logger()


class Files(NamedTuple):
    """What the settings name: the authority's certificate, ours with its chain, its key, and the key's password."""

    cafile: str | None
    certfile: str | None
    keyfile: str | None
    password: str | None


class KafkaContext(ssl.SSLContext):
    """A client's context that looks at its files again before each connection."""

    _files: Files
    _read_at: tuple[int, ...]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the files that the settings name. Raises SettingsError."""
        key_password = settings.kafka_ssl_key_password
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._files = Files(
            settings.kafka_ssl_cafile,
            settings.kafka_ssl_certfile,
            settings.kafka_ssl_keyfile,
            # An empty password where there is none: OpenSSL would ask for it at the terminal.
            key_password.reveal() if key_password else "",
        )
        context._read_at = context._changed_at()
        if context._files.cafile is None:
            context.load_default_certs()
        context._read()
        return context

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection, as the event loop does."""
        changed_at = self._changed_at()
        if changed_at != self._read_at:
            try:
                self._read()
            except SettingsError as error:
                # In the middle of being written, perhaps: what was read before may do.
                log.warning("certificates not read again", reason=str(error))
            else:
                self._read_at = changed_at
        return super().wrap_bio(*arguments, **options)

    def _read(self) -> None:
        cafile, certfile, keyfile, password = self._files
        if cafile:
            with naming("KAFKA_SSL_CAFILE", cafile, "holds no certificate in PEM"):
                self.load_verify_locations(cafile)
        if certfile:
            what = "holds no certificate and key in PEM that belong together, or KAFKA_SSL_KEY_PASSWORD is wrong"
            with naming("KAFKA_SSL_CERTFILE", " and ".join(filter(None, (certfile, keyfile))), what):
                self.load_cert_chain(certfile, keyfile, password)

    def _changed_at(self) -> tuple[int, ...]:
        """Say when the files changed; 0 for one that is gone."""
        paths = [path for path in self._files[:3] if path]
        return tuple(Path(path).stat().st_mtime_ns if Path(path).exists() else 0 for path in paths)


@contextmanager
def naming(setting: str, path: str, otherwise: str) -> Iterator[None]:
    """Say of an error which setting names the file."""
    try:
        yield
    except OSError as error:  # of which ssl.SSLError is one
        reason = otherwise if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"{setting}: {path}: {reason}") from None
