"""Tokens for Kafka: used while they are good, and never said."""

from pathlib import Path

import pytest

from consumer.common.errors import NoToken
from consumer.common.settings import SettingsError, load
from consumer.kafka import oauth
from consumer.kafka.oauth import TokenProvider, token_provider
from tests.tokens import AuthorizationServer, Issuer

SECRET = "the secret of the client"


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(oauth, "time", clock)
    return clock


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def asking(server: AuthorizationServer, **changes: str) -> TokenProvider:
    return token_provider(
        load(
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
                "KAFKA_OAUTH_TOKEN_URL": server.url,
                "KAFKA_OAUTH_CLIENT_ID": "giftledger",
                "KAFKA_OAUTH_CLIENT_SECRET": SECRET,
                **changes,
            }
        )
    )


async def test_a_token_is_used_for_most_of_its_time_and_then_there_is_another(issuer: Issuer, clock: Clock) -> None:
    with AuthorizationServer(issuer, {"giftledger": SECRET}, token_seconds=100).running() as server:
        provider = asking(server)
        first = await provider.token()
        clock.now += 79
        assert await provider.token() == first
        clock.now += 2
        await provider.token()

    assert len(server.asked) == 2


@pytest.mark.parametrize("expires_in", [None, 0, -5])
async def test_a_token_whose_end_is_not_known_is_used_once(
    issuer: Issuer, clock: Clock, expires_in: int | None
) -> None:
    with AuthorizationServer(issuer, {}).running() as server:
        server.answer = 200, {"access_token": "abc"} | ({} if expires_in is None else {"expires_in": expires_in})
        provider = asking(server)
        assert [await provider.token(), await provider.token()] == ["abc", "abc"]

    assert len(server.asked) == 2
    assert clock.now == 1000


@pytest.mark.parametrize(
    "answer",
    [
        (200, []),
        (200, {}),
        (200, {"access_token": "a b"}),
        (200, {"access_token": "a", "expires_in": "soon"}),
        (200, b""),
    ],
)
async def test_an_answer_that_is_no_token_is_none(issuer: Issuer, answer: tuple[int, object]) -> None:
    with AuthorizationServer(issuer, {}).running() as server:
        server.answer = answer
        with pytest.raises(NoToken, match="KAFKA_OAUTH_TOKEN_URL"):
            await asking(server).token()


async def test_a_refusal_says_the_servers_code_and_nothing_else_of_it(issuer: Issuer) -> None:
    with AuthorizationServer(issuer, {}).running() as server:
        server.answer = 400, {"error": "invalid_scope", "error_description": SECRET}
        with pytest.raises(NoToken) as refused:
            await asking(server).token()

    assert refused.value.args == ("KAFKA_OAUTH_TOKEN_URL answers 400 invalid_scope",)


async def test_a_file_is_read_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    changes = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}
    provider = token_provider(load({**changes, "KAFKA_OAUTH_TOKEN_FILE": str(file)}))

    file.write_text("first\n")
    assert await provider.token() == "first"
    file.write_text("second")
    assert await provider.token() == "second"
    file.write_text("")
    with pytest.raises(NoToken, match="holds no token"):
        await provider.token()


def test_an_authority_that_cannot_be_read_is_a_usage_error(issuer: Issuer) -> None:
    with AuthorizationServer(issuer, {}).running() as server, pytest.raises(SettingsError, match="KAFKA_OAUTH_CAFILE"):
        asking(server, KAFKA_OAUTH_CAFILE=__file__)
