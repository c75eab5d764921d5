"""TLS and passwords for the local stack, as in production: Kafka takes SCRAM over TLS, Postgres nothing without TLS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from deploy.local.waiting import free_port

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
    kafka_port: int = field(default_factory=free_port)

    def kafka_properties(self) -> dict[str, str]:
        """Return what the broker's server.properties has more."""
        return {
            "listeners": f"SASL_SSL://127.0.0.1:{self.kafka_port}",
            "advertised.listeners": f"SASL_SSL://127.0.0.1:{self.kafka_port}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM,
            # As managed ones do: a connection that does not authenticate again is cut.
            "connections.max.reauth.ms": "3000",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.identity),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

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
