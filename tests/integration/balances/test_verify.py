"""`giftledger balances verify`: whoever reads exit 0 may rely on the topics."""

import pytest

from consumer.balances.commands import run_verify
from consumer.common.errors import Fatal
from consumer.common.settings import Settings
from consumer.kafka.topics import create_topics
from consumer.postgres.database import Pool
from tests.applying import applied
from tests.balances import all_published, publishing
from tests.builders import bought, event


async def test_where_there_is_nothing_to_publish_all_is_well(
    settings: Settings, connections: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await connections.fetchval("SELECT count(*) FROM certificate") == 0
    await create_topics(settings)

    await run_verify(settings)

    assert capsys.readouterr().out == "0 certificates, 0 records, 0 still to be published.\n"


async def test_that_nothing_was_ever_published_is_no_success(settings: Settings, connections: Pool) -> None:
    await create_topics(settings)
    await applied(connections, event(bought()), event(bought(_id="another")))

    with pytest.raises(
        Fatal, match=r"Nothing was ever published.* nothing of 2 certificates.*Run `giftledger balances`"
    ):
        await run_verify(settings)


async def test_an_outbox_that_was_emptied_without_publishing_is_no_success(
    settings: Settings, connections: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    await create_topics(settings)
    await applied(connections, event(bought(_id="lost")))
    await connections.execute("DELETE FROM balance_outbox")

    with pytest.raises(Fatal, match="1 certificates differ"):
        await run_verify(settings)
    assert "lost (live): is not in the topic" in capsys.readouterr().out


async def test_what_is_on_its_way_for_less_than_a_minute_is_no_failure_and_is_said(
    settings: Settings, connections: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    await _published_and_behind(settings, connections, minutes=0)

    await run_verify(settings)

    assert capsys.readouterr().out.endswith("2 certificates, 1 records, 1 still to be published.\n")


async def test_what_is_to_be_published_for_longer_is_a_failure(settings: Settings, connections: Pool) -> None:
    await _published_and_behind(settings, connections, minutes=2)

    with pytest.raises(Fatal, match=r"behind for 1\d\d s: 1 certificates were not compared, and of 1 the topics say"):
        await run_verify(settings)


async def _published_and_behind(settings: Settings, connections: Pool, *, minutes: int) -> None:
    async with publishing(settings):
        await applied(connections, event(bought()))
        await all_published(connections)
    await applied(connections, event(bought(_id="another")))
    await connections.execute(
        "UPDATE balance_publisher SET published_as_of = clock_timestamp() - make_interval(mins => $1)", minutes
    )
