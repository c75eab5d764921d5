"""Check the settings: what is valid, and still unlikely to be meant."""

import os
import re
from collections.abc import Mapping
from importlib.metadata import version

from consumer.common.settings import Settings, not_settings
from consumer.operate.check.finding import Finding, ok, problem, warning

# 128 bits as hex are 32 characters; half of that is no secret any more.
SHORTEST_KEY = 16
# How long the load balancers of the large clouds keep a connection on which nothing happens.
USUAL_IDLE_SECONDS = 60
_ANOTHER_KEY = re.compile(r",\s*[\w.-]+=.")
_LOOPBACK = ("localhost", "127.", "[::1]")


def check_settings(settings: Settings, *, webhooks: bool) -> list[Finding]:
    """Judge the settings; ``webhooks`` says whether this process receives them."""
    findings = [ok("giftledger", f"version {version('giftledger')}"), *check_names()]
    if webhooks:
        findings += _verification(settings) or [
            ok("signing keys", f"{len(settings.webhook_signing_keys)}: {', '.join(settings.webhook_signing_keys)}")
        ]
        if settings.ingress_keep_alive_seconds <= USUAL_IDLE_SECONDS:
            findings.append(
                warning(
                    "INGRESS_KEEP_ALIVE_SECONDS",
                    f"is {settings.ingress_keep_alive_seconds:g}: most load balancers keep a connection for "
                    f"{USUAL_IDLE_SECONDS} s, and answer 502 where we have closed it before",
                    "Make it longer than your load balancer's idle time.",
                )
            )
    if not settings.kafka_enable_idempotence:
        findings.append(
            warning(
                "KAFKA_ENABLE_IDEMPOTENCE",
                "is false: a retry of the producer may write a record twice, or two in the wrong order",
                "Set it to true, unless the broker has no idempotent producer. The ledger absorbs both.",
            )
        )
    if "SSL" not in settings.kafka_security_protocol and not _is_local(settings.kafka_bootstrap_servers):
        findings.append(
            warning(
                "KAFKA_SECURITY_PROTOCOL",
                f"is {settings.kafka_security_protocol}: personal data and passwords go to the broker in the clear",
                "Use SASL_SSL or SSL, with KAFKA_SSL_CAFILE.",
            )
        )
    return findings


def check_names(environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Find names in the environment that look like settings and are none."""
    return [
        warning(name, "is no setting, and is not read", f"Is {meant} meant?" if meant else "Take it away.")
        for name, meant in not_settings(environment).items()
    ]


def _verification(settings: Settings) -> list[Finding]:
    keys = {key_id: secret.reveal() for key_id, secret in settings.webhook_signing_keys.items()}
    if settings.webhook_verification == "off":
        return [
            warning(
                "WEBHOOK_VERIFICATION",
                "is off: the ingress believes what anybody sends",
                "Set WEBHOOK_SIGNING_KEYS and take WEBHOOK_VERIFICATION away.",
            )
        ]
    if not keys:
        return [
            problem(
                "WEBHOOK_SIGNING_KEYS",
                "is not set: the ingress refuses to start",
                "Give it as key-id=secret: the private key of the sender's webhooks application.",
            )
        ]
    findings = [finding for key_id, secret in keys.items() for finding in _key(key_id, secret)]
    if len(set(keys.values())) < len(keys):
        findings.append(
            warning(
                "WEBHOOK_SIGNING_KEYS",
                "two key ids have the same secret: a rotation that has not happened",
                "Give each id its own secret, or take one away.",
            )
        )
    return findings


def _key(key_id: str, secret: str) -> list[Finding]:
    subject = f"signing key {key_id}"
    if len(secret) < SHORTEST_KEY:
        return [
            warning(
                subject,
                f"has {len(secret)} characters: too short for a secret, or cut off",
                "Copy the private key whole. One that holds a comma must be in the file of WEBHOOK_SIGNING_KEYS_FILE.",
            )
        ]
    if _ANOTHER_KEY.search(secret):
        return [
            warning(
                subject,
                "holds a comma and an equals sign: two keys on one line of WEBHOOK_SIGNING_KEYS_FILE?",
                "Write one key a line; a line is one key, with all its commas.",
            )
        ]
    return []


def _is_local(servers: str) -> bool:
    return all(server.strip().startswith(_LOOPBACK) for server in servers.split(","))
