"""Who we are to Kafka, as managed ones ask for it: by a client's certificate (mTLS), or by a token (OAUTHBEARER)."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.builders import bought, encode
from tests.certificates import write_certificate
from tests.secured import SIGNING_KEY, Deployment, run, secret_files
from tests.services import commands, start_ingress, start_worker, wait_for_metric
from tests.tokens import AuthorizationServer

CLIENT_SECRET = "a secret: with 100 % of + signs"
# Longer than an ingress takes to start, on a busy machine.
TOKEN_SECONDS = 15
NO_PASSWORD = {"KAFKA_SASL_USERNAME": "", "KAFKA_SASL_PASSWORD": ""}


@pytest.fixture(scope="module")
def server(deployed: Deployment) -> Iterator[AuthorizationServer]:
    secrets = dict.fromkeys(deployed.security.users, CLIENT_SECRET)
    with AuthorizationServer(deployed.secured.issuer, secrets, token_seconds=10).running() as running:
        yield running


@pytest.fixture(autouse=True)
def honest(server: AuthorizationServer) -> None:
    server.answer = None


def by_certificate(deployed: Deployment, user: str, file: Path, **changes: str) -> dict[str, str]:
    return deployed.settings(
        user,
        **NO_PASSWORD,
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{deployed.security.kafka_mtls_port}",
        KAFKA_SECURITY_PROTOCOL="SSL",
        KAFKA_SSL_CERTFILE=str(file),
        **changes,
    )


def by_token(deployed: Deployment, user: str, **changes: str) -> dict[str, str]:
    return deployed.settings(user, **NO_PASSWORD, KAFKA_SASL_MECHANISM="OAUTHBEARER", **changes)


def by_client(deployed: Deployment, user: str, server: AuthorizationServer, **changes: str) -> dict[str, str]:
    client = {"KAFKA_OAUTH_CLIENT_ID": user, "KAFKA_OAUTH_CLIENT_SECRET": CLIENT_SECRET, "KAFKA_OAUTH_SCOPE": "kafka"}
    return by_token(deployed, user, **{"KAFKA_OAUTH_TOKEN_URL": server.url, **client, **changes})


@pytest.mark.parametrize("way", ["certificate", "token"])
def test_a_webhook_goes_all_the_way(
    deployed: Deployment, server: AuthorizationServer, tmp_path: Path, way: str
) -> None:
    settings = {}
    for user in ("giftledger-ingress", "giftledger-worker"):
        if way == "certificate":
            file = write_certificate(tmp_path / f"{user}.pem", deployed.secured.authority, user, password="of the key")
            chosen = by_certificate(deployed, user, file, KAFKA_SSL_KEY_PASSWORD="of the key")
        else:
            chosen = by_client(deployed, user, server)
        settings[user] = secret_files(tmp_path, chosen)
        role = user.removeprefix("giftledger-")
        found = run(settings[user], "check", "--for", role)
        assert found.exit_code == 0, found.output

    with (
        commands(deployed.stack, settings["giftledger-ingress"]) as of_ingress,
        commands(deployed.stack, settings["giftledger-worker"]) as of_worker,
    ):
        _, sender = start_ingress(of_ingress)
        worker = start_worker(of_worker)
        assert sender._replace(secret=SIGNING_KEY).post(encode(bought())).status == 200
        wait_for_metric(worker, "giftcert_messages_processed_total", 1)


def test_a_token_is_read_from_its_file_again_before_it_ends(deployed: Deployment, tmp_path: Path) -> None:
    file, user = tmp_path / "token", "giftledger-ingress"
    file.write_text(deployed.secured.issuer.token(user, seconds=TOKEN_SECONDS) + "\n")
    with commands(deployed.stack, by_token(deployed, user, KAFKA_OAUTH_TOKEN_FILE=str(file))) as giftledger:
        _, sender = start_ingress(giftledger)
        file.write_text(deployed.secured.issuer.token(user))
        first_token_ends = time.monotonic() + TOKEN_SECONDS + 1
        while time.monotonic() < first_token_ends:
            assert sender._replace(secret=SIGNING_KEY).post(encode(bought())).status == 200
            time.sleep(0.05)


WRONG_CERTIFICATES: dict[str, dict[str, Any]] = {
    "of another authority": {"authority": trustme.CA()},
    "that has expired": {"until": datetime.now(UTC) - timedelta(days=1)},
}


@pytest.mark.parametrize("mistake", WRONG_CERTIFICATES)
def test_a_certificate_that_kafka_does_not_take_is_named(deployed: Deployment, tmp_path: Path, mistake: str) -> None:
    wrong = WRONG_CERTIFICATES[mistake]
    authority, until = wrong.get("authority", deployed.secured.authority), wrong.get("until")
    file = write_certificate(tmp_path / "wrong.pem", authority, "giftledger-ingress", until=until)

    result = run(by_certificate(deployed, "giftledger-ingress", file), "check", "--for", "ingress")

    assert result.exit_code == 1
    assert "KAFKA_SSL_CERTFILE" in result.output


def test_that_kafka_asks_for_a_certificate_is_said(deployed: Deployment, tmp_path: Path) -> None:
    settings = by_certificate(deployed, "giftledger-ingress", tmp_path) | {"KAFKA_SSL_CERTFILE": ""}

    result = run(settings, "check", "--for", "ingress")

    assert result.exit_code == 1
    assert "KAFKA_SSL_CERTFILE" in result.output


UNUSABLE: dict[str, tuple[dict[str, str], str]] = {
    "another password": ({"KAFKA_SSL_KEY_PASSWORD": "wrong"}, "KAFKA_SSL_KEY_PASSWORD is wrong"),
    "no password": ({"KAFKA_SSL_KEY_PASSWORD": ""}, "KAFKA_SSL_KEY_PASSWORD is wrong"),
    "a file that is not there": ({"KAFKA_SSL_CERTFILE": "/nowhere"}, "No such file"),
    "a file that is no certificate": ({"KAFKA_SSL_CERTFILE": __file__}, "no certificate and key"),
    "another's key": ({"KAFKA_SSL_KEYFILE": "{another}"}, "belong together"),
}


@pytest.mark.parametrize("mistake", UNUSABLE)
def test_a_certificate_that_cannot_be_used_is_a_usage_error(deployed: Deployment, tmp_path: Path, mistake: str) -> None:
    changes, reason = UNUSABLE[mistake]
    authority = deployed.secured.authority
    file = write_certificate(tmp_path / "ours.pem", authority, "giftledger-ingress", password="of the key")
    another = write_certificate(tmp_path / "another.pem", authority, "giftledger-ingress", password="of the key")
    settings = by_certificate(deployed, "giftledger-ingress", file, KAFKA_SSL_KEY_PASSWORD="of the key")
    settings |= {name: value.format(another=another) for name, value in changes.items()}

    result = run(settings, "check", "--for", "ingress")

    assert result.exit_code == 2
    assert reason in result.output
    assert "of the key" not in result.output


WRONG_TOKENS: dict[str, tuple[dict[str, str], tuple[int, Any] | None, str]] = {
    "another secret": ({"KAFKA_OAUTH_CLIENT_SECRET": "wrong"}, None, "answers 401 invalid_client"),
    "nobody there": ({"KAFKA_OAUTH_TOKEN_URL": "http://127.0.0.1:1/token"}, None, "cannot be reached"),
    "another answer": ({}, (200, b"<html>"), "the answer is no token"),
    "a token that is none": ({}, (200, {"access_token": "a\x01b", "expires_in": 60}), "holds no token"),
    "a redirection": ({}, (302, b""), "answers 302"),
    "a token that Kafka does not take": ({}, (200, {"access_token": "a.b.c", "expires_in": 60}), "KAFKA_OAUTH_"),
    "no file": ({"KAFKA_OAUTH_TOKEN_URL": "", "KAFKA_OAUTH_TOKEN_FILE": "/nowhere"}, None, "cannot read /nowhere"),
}


@pytest.mark.parametrize("mistake", WRONG_TOKENS)
def test_why_there_is_no_token_is_said_and_never_a_secret(
    deployed: Deployment, server: AuthorizationServer, mistake: str
) -> None:
    changes, server.answer, reason = WRONG_TOKENS[mistake]

    result = run(by_client(deployed, "giftledger-ingress", server, **changes), "check", "--for", "ingress")

    assert result.exit_code == 1
    assert reason in result.output
    assert "KAFKA_OAUTH_" in result.output
    assert CLIENT_SECRET not in result.output


def test_a_token_is_asked_for_once_and_used_for_most_of_its_time(
    deployed: Deployment, server: AuthorizationServer
) -> None:
    server.asked.clear()

    assert run(by_client(deployed, "giftledger-ingress", server), "check", "--for", "ingress").exit_code == 0

    assert server.asked[0] == {"grant_type": ["client_credentials"], "scope": ["kafka"]}
    assert len(server.asked) <= 3  # one for each client that the command makes, whatever connections it has
