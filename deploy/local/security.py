"""TLS and passwords for the local stack, as in production: Kafka takes SCRAM over TLS, Postgres nothing without TLS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from deploy.local.waiting import free_port

OAUTH_AUDIENCE = "kafka"
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class Security:
    """What both servers prove themselves with, and whom Kafka lets in: user → password.

    The users may do nothing until an ACL lets them. Whoever comes by Kafka's plaintext listener may do everything,
    as somebody must who grants the first right.
    """

    authority: Path
    """PEM: the certificate that clients trust."""
    identity: Path
    """PEM: a private key (PKCS #8), and the chain of certificates for 127.0.0.1 from the authority."""
    users: Mapping[str, str]
    jwks: Path | None = None
    """The public keys by whose private ones the tokens of users are signed; without them there is no OAUTHBEARER."""
    kafka_port: int = field(default_factory=free_port)
    kafka_mtls_port: int = field(default_factory=free_port)

    def kafka_properties(self) -> dict[str, str]:
        """Return what the broker's server.properties has more."""
        listeners = f"SASL_SSL://127.0.0.1:{self.kafka_port},MTLS://127.0.0.1:{self.kafka_mtls_port}"
        return {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,MTLS:SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER" if self.jwks else "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM,
            **self._oauth_properties(),
            # As managed ones do: a connection that does not authenticate again is cut.
            "connections.max.reauth.ms": "3000",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.identity),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "listener.name.mtls.ssl.client.auth": "required",
            # A certificate's user is its common name.
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    def _oauth_properties(self) -> dict[str, str]:
        if self.jwks is None:
            return {}
        prefix = "listener.name.sasl_ssl.oauthbearer.sasl"
        return {
            f"{prefix}.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            f"{prefix}.server.callback.handler.class": f"{_OAUTH}.OAuthBearerValidatorCallbackHandler",
            f"{prefix}.oauthbearer.jwks.endpoint.url": self.jwks.as_uri(),
            f"{prefix}.oauthbearer.expected.audience": OAUTH_AUDIENCE,
        }

    def jvm_options(self) -> list[str]:
        """Return what the broker's JVM is told."""
        # From Kafka 4 on nothing is fetched from where the operator has not said.
        allowed = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
        return [f"-D{allowed}={self.jwks.as_uri()}"] if self.jwks else []

    def kafka_settings(self, user: str) -> dict[str, str]:
        """Return the settings of a giftledger process that comes to Kafka as one of the users."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.kafka_port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": self.users[user],
            "KAFKA_SSL_CAFILE": str(self.authority),
        }

    def database_options(self) -> str:
        """Return the query of a database's URL."""
        return urlencode({"sslmode": "verify-full", "sslrootcert": str(self.authority)})
