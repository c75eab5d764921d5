"""Diagnosis: why Kafka or Postgres cannot be reached, and which setting to look at. Never a secret's value."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from consumer.common.errors import NoToken

CONNECT_SECONDS = 5.0

MISSING_RIGHTS_ON_KAFKA = (
    "Run an operator's command as the operator's user; deploy/README.md lists which rights each user needs."
)

_GRANT = (
    "As whoever migrates, GRANT giftledger_writer TO the user of workers, giftledger_owner TO that of who migrates or "
    "rebuilds, giftledger_closer TO that of who closes months, giftledger_reporting TO that of readers."
)


class Diagnosis(NamedTuple):
    """What is wrong, to stand behind the name of who said so, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}"


async def diagnose_kafka(shared: Mapping[str, Any]) -> Diagnosis:
    """Connect to each server once more by hand, with the options that our clients share.

    aiokafka's clients say only that they could not.
    """
    options = dict(shared)
    causes = []
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await create_conn(host, port, **options)
                try:
                    if not (await connection.send(MetadataRequest([]))).brokers:
                        raise KafkaConnectionError
                finally:
                    connection.close()
        except Exception as error:  # noqa: BLE001 - a cause that is not known is one, too
            what, remedy = _judge_kafka(error, shared.get("sasl_mechanism"))
            causes.append(Diagnosis(f"{host}:{port} {what}", remedy))
    return causes[0] if causes else Diagnosis("answers again", "Try once more.")


def _judge_kafka(error: Exception, mechanism: str | None) -> Diagnosis:
    match error:
        case ssl.SSLError():
            return _judge_tls(error)
        case KafkaConnectionError() | ConnectionResetError():
            return _judge_hanging_up(mechanism)
        case NoToken():
            return Diagnosis(
                f"is not asked, for lack of a token: {error.args[0]}", "Look at the settings KAFKA_OAUTH_…."
            )
        # ValueError: the broker does not know the secret either, by its answer to SCRAM.
        case SaslAuthenticationFailed() | AuthenticationFailedError() | ValueError():
            return Diagnosis("refuses user or password", "Look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.")
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            return Diagnosis(
                "takes no user and password in this way", "Look at KAFKA_SASL_MECHANISM and KAFKA_SECURITY_PROTOCOL."
            )
    return Diagnosis(
        f"cannot be reached: {_nature(error)}",
        "Look at KAFKA_BOOTSTRAP_SERVERS, and at the network between here and there.",
    )


def _judge_tls(error: ssl.SSLError) -> Diagnosis:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Diagnosis(
            f"has a certificate that is not to be trusted: {error.verify_message}",
            "Look at KAFKA_SSL_CAFILE, and whether KAFKA_BOOTSTRAP_SERVERS names it as its certificate does.",
        )
    if "ALERT" in (error.reason or ""):
        return Diagnosis(
            f"refuses our certificate, or the lack of one: {error.reason}",
            "Look at KAFKA_SSL_CERTFILE: who signed it, and when does it expire?",
        )
    return Diagnosis("does not speak TLS", "Look at KAFKA_SECURITY_PROTOCOL, and at the port.")


def _judge_hanging_up(mechanism: str | None) -> Diagnosis:
    if mechanism == "OAUTHBEARER":
        return Diagnosis(
            "hangs up, or names no broker, as it does when it does not take a token",
            "Look at the token's audience, issuer and scope, at KAFKA_OAUTH_EXTENSIONS, and at the port.",
        )
    return Diagnosis(
        "hangs up",
        "Look at KAFKA_SECURITY_PROTOCOL: is the port for TLS or plaintext, with a user or without? And at "
        "KAFKA_SSL_CERTFILE, where it asks for a client's certificate.",
    )


_MISSING_RIGHT = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


def explain_kafka(error: KafkaError) -> str:
    """Say what Kafka said, and the remedy where a right is missing."""
    if isinstance(error, _MISSING_RIGHT):
        return f"refuses this user: {error}. {MISSING_RIGHTS_ON_KAFKA}"
    return str(error)


def diagnose_database(error: BaseException) -> Diagnosis | None:
    """Say why Postgres cannot be reached, or refuses; None for what neither a setting nor an operator can help."""
    return _judge_connection(error) or _judge_answer(error)


def explain_database(error: BaseException) -> str:
    """Say what Postgres, or the way to it, did not do, and the remedy where there is one."""
    if diagnosis := diagnose_database(error):
        return f"Postgres {diagnosis}"
    said = _said(error)
    code = f" ({error.sqlstate})" if isinstance(error, asyncpg.PostgresError) else ""
    return f"Postgres answers {type(error).__name__}{code}: {said}"


def _judge_connection(error: BaseException) -> Diagnosis | None:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():  # a wrong password is one, and no rule for the user
            return Diagnosis(f"refuses the user: {_said(error)}", "Look at user, password and sslmode in DATABASE_URL.")
        case ssl.SSLCertVerificationError():
            return Diagnosis(
                f"has a certificate that is not to be trusted: {error.verify_message}",
                "Look at sslrootcert in DATABASE_URL, and whether its host is named as in the certificate.",
            )
        case asyncpg.ClientConfigurationError():
            return Diagnosis(f"is not asked: {_said(error)}", "Look at DATABASE_URL.")
        case OSError() | TimeoutError():
            return Diagnosis(
                f"cannot be reached: {_nature(error)}",
                "Look at host, port, sslmode and sslrootcert in DATABASE_URL, and at the network on the way.",
            )
    return None


def _judge_answer(error: BaseException) -> Diagnosis | None:
    match error:
        case asyncpg.InvalidCatalogNameError():
            return Diagnosis(f"says: {_said(error)}", "CREATE DATABASE, or name the right one in DATABASE_URL.")
        case asyncpg.InsufficientPrivilegeError():
            return Diagnosis(f"says: {_said(error)}", _GRANT)
        case (
            asyncpg.UndefinedTableError()
            | asyncpg.UndefinedColumnError()
            | asyncpg.UndefinedObjectError()
            | asyncpg.UndefinedFunctionError()
            | asyncpg.InvalidSchemaNameError()
        ):
            return Diagnosis(
                f"says: {_said(error)}", "Run `giftledger migrate` with this version; `giftledger check` knows more."
            )
        case asyncpg.ProtocolViolationError():
            return Diagnosis(
                f"says: {_said(error)}", "A pooler on the way, such as PgBouncer, must have pool_mode=session."
            )
        case asyncpg.ReadOnlySQLTransactionError() | asyncpg.TargetServerAttributeNotMatched():
            return Diagnosis(
                "is a standby, or read-only",
                "Point DATABASE_URL at the primary: name all hosts, or add target_session_attrs=read-write.",
            )
    return None


def _said(error: BaseException) -> str:
    """Give what the server said, without the detail: that may hold a row."""
    return str(error.args[0]).partition("\n")[0] if error.args else type(error).__name__


def _nature(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    # asyncpg's own ConnectionError says that the server refuses TLS; its subclasses are the system's.
    return str(error) if type(error) is ConnectionError else type(error).__name__
