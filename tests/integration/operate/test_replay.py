"""Dead letters are workable: list, show, replay; and a replay after a repair makes the tables right."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import pytest
from click.testing import CliRunner, Result

from consumer.cli.commands import main
from consumer.common.settings import Settings
from consumer.kafka.record import Record
from consumer.kafka.topics import admin
from consumer.postgres.database import Pool
from deploy.local.stack import Stack
from schemas.registry import DEAD_LETTER
from tests.builders import bought, paid_with
from tests.integration.worker.test_poison import REFUSED_BALANCE
from tests.laboratory import comparable
from tests.pipeline import RECEIVED_AT, dead_letters, publish, until, working
from tests.reference import Delivery, reference

NOON = datetime.fromisoformat(RECEIVED_AT[1].decode())
CONSTRAINT = "ALTER TABLE certificate_history ADD CONSTRAINT repairable CHECK (balance <> 666)"
REPAIR = "ALTER TABLE certificate_history DROP CONSTRAINT repairable"


async def giftledger(environment: Mapping[str, str], *arguments: str) -> Result:
    """Run a command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=dict(environment))


async def make_dead_letters(settings: Settings, connections: Pool) -> list[dict[str, object]]:
    """Apply a purchase, refuse its first redemption and a body that is none; give the bodies that are real."""
    bodies = [bought(), paid_with(REFUSED_BALANCE, updated=30), paid_with(1, updated=20)]
    await connections.execute(CONSTRAINT)
    await publish(settings, *bodies, b"not json")
    async with working(settings):
        await until(lambda: _letters(settings, 2), "two dead letters")
    return bodies


async def _letters(settings: Settings, count: int) -> bool:
    return len(await dead_letters(settings)) >= count


async def test_list_shows_each_letter_and_counts_them_by_reason(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await make_dead_letters(settings, connections)

    everything = await giftledger(environment, "dead-letters", "list")
    some = await giftledger(environment, "dead-letters", "list", "--reason", "checkviolation")
    none = await giftledger(environment, "dead-letters", "list", "--until", "2020-01-01")

    assert "CheckViolationError" in everything.output
    assert "JSON is malformed" in everything.output
    assert "2 dead letters, 2 open" in everything.output
    assert "1 dead letter, 1 open" in some.output
    assert "JSON is malformed" not in some.output
    assert "0 dead letters, 0 open" in none.output


async def test_show_prints_reason_headers_and_body(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    letter = next(letter for letter in await dead_letters(settings) if letter.value == b"not json")

    shown = await giftledger(environment, "dead-letters", "show", f"{letter.partition}:{letter.offset}")
    missing = await giftledger(environment, "dead-letters", "show", "0:999")

    assert "not json" in shown.output
    assert "__connect.errors.stage: VALUE_CONVERTER" in shown.output
    assert missing.exit_code == 1
    assert "No dead letter at 0:999" in missing.output


async def test_after_a_repair_a_replay_gives_the_reference_and_a_second_one_changes_nothing(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    bodies = await make_dead_letters(settings, connections)
    await connections.execute(REPAIR)
    expected = reference([Delivery(body, NOON) for body in bodies])

    replayed = await giftledger(environment, "dead-letters", "replay", "--reason", "CheckViolation")
    async with working(settings):
        await until(lambda: _attempts(connections, 3), "the replayed attempt")
    assert "1 dead letter replayed" in replayed.output
    assert await comparable(connections) == expected

    again = await giftledger(environment, "dead-letters", "replay", "--all")
    async with working(settings):
        await until(lambda: _letters(settings, 3), "the letter that nothing can repair")
    assert "1 dead letter replayed, 1 passed over as settled" in again.output
    assert await comparable(connections) == expected
    assert await connections.fetchval("SELECT count(*) FROM webhook_attempt") == 3


async def test_however_often_all_are_replayed_the_open_letters_stay_as_many(
    settings: Settings, environment: dict[str, str]
) -> None:
    await publish(settings, *[b"not json"] * 3)
    async with working(settings):
        await until(lambda: _letters(settings, 3), "the first generation")

    for generation in (1, 2, 3):
        replayed = await giftledger(environment, "dead-letters", "replay", "--all")
        assert "3 dead letters replayed" in replayed.output
        async with working(settings):
            await until(partial(_letters, settings, 3 + 3 * generation), "the next generation")

    everything = await giftledger(environment, "dead-letters", "list")
    still_open = await giftledger(environment, "dead-letters", "list", "--open")
    assert "12 dead letters, 3 open" in everything.output
    assert everything.output.count("died again: ") == 9
    assert "3 dead letters, 3 open" in still_open.output
    assert "died again" not in still_open.output


async def test_two_replays_before_the_worker_comes_leave_as_many_open_as_there_were(
    settings: Settings, environment: dict[str, str]
) -> None:
    await publish(settings, b"not json")
    async with working(settings):
        await until(lambda: _letters(settings, 1), "the letter")

    for _ in range(2):
        await giftledger(environment, "dead-letters", "replay", "--all")
    async with working(settings):
        await until(lambda: _letters(settings, 3), "both replays, dead")

    assert "3 dead letters, 1 open" in (await giftledger(environment, "dead-letters", "list")).output


async def test_what_was_applied_since_is_settled_also_by_another_attempt(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    letter = next(letter for letter in await dead_letters(settings) if letter.value != b"not json")
    place = f"{letter.partition}:{letter.offset}"
    assert "2 open" in (await giftledger(environment, "dead-letters", "list")).output

    await connections.execute(REPAIR)
    assert letter.value
    resend = json.loads(letter.value) | {"attemptId": "the sender's resend"}
    await publish(settings, resend)
    async with working(settings):
        await until(lambda: _attempts(connections, 3), "the resend")

    listed = await giftledger(environment, "dead-letters", "list")
    replayed = await giftledger(environment, "dead-letters", "replay", place)
    assert "2 dead letters, 1 open" in listed.output
    assert "applied" in listed.output
    assert f"{place} is settled (applied)" in replayed.output
    assert "0 dead letters replayed, 1 passed over as settled" in replayed.output


async def _attempts(connections: Pool, count: int) -> bool:
    return bool(await connections.fetchval("SELECT count(*) = $1 FROM webhook_attempt", count))


async def test_a_replayed_record_is_the_original_and_says_where_it_came_from(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    await giftledger(environment, "dead-letters", "replay", "--all")
    async with working(settings):
        letters = await until(lambda: _replayed(settings), "the letter that died again")

    (letter,) = letters
    headers = [name for name, _ in letter.headers]
    origin = dict(letter.headers)["replayed-from"].decode()
    assert letter.value == b"not json"
    assert letter.key == b"unreadable"
    assert dict(letter.headers)["received-at"] == RECEIVED_AT[1]
    assert origin.startswith(f"{settings.topic(DEAD_LETTER)}/")
    assert len(headers) == len(set(headers))


async def _replayed(settings: Settings) -> list[Record]:
    return [
        letter
        for letter in await dead_letters(settings)
        if letter.value == b"not json" and "replayed-from" in dict(letter.headers)
    ]


async def test_a_replay_without_a_choice_is_refused(environment: dict[str, str]) -> None:
    result = await giftledger(environment, "dead-letters", "replay")

    assert result.exit_code == 2
    assert "--all" in result.output


async def test_a_place_without_a_letter_is_an_error_and_nothing_is_sent(
    settings: Settings, environment: dict[str, str], connections: Pool
) -> None:
    await make_dead_letters(settings, connections)
    there = (await dead_letters(settings))[0]

    result = await giftledger(environment, "dead-letters", "replay", f"{there.partition}:{there.offset}", "0:999")

    assert result.exit_code == 1
    assert "No dead letter at 0:999" in result.output
    assert "replayed" not in result.output


@pytest.mark.parametrize("action", ["show", "replay"])
async def test_what_is_no_place_is_a_usage_error(environment: dict[str, str], action: str) -> None:
    result = await giftledger(environment, "dead-letters", action, "the-first")

    assert result.exit_code == 2
    assert "'the-first' is not a place such as 3:1042" in result.output


async def test_a_dry_run_sends_nothing(settings: Settings, environment: dict[str, str], connections: Pool) -> None:
    await make_dead_letters(settings, connections)

    result = await giftledger(environment, "dead-letters", "replay", "--all", "--dry-run")

    assert "2 dead letters would be replayed" in result.output
    async with working(settings):
        await publish(settings, bought(_id="marker"))
        await until(lambda: _attempts(connections, 3), "the marker behind everything")
    assert len(await dead_letters(settings)) == 2


@pytest.mark.parametrize("arguments", [("list",), ("show", "0:0"), ("replay", "--all")])
async def test_a_topic_that_does_not_exist_is_an_error_and_is_not_created(
    settings: Settings, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    result = await giftledger(environment, "dead-letters", *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"Topic {settings.topic(DEAD_LETTER)}: UnknownTopicOrPartitionError" in result.stderr
    assert "giftledger topics" in result.stderr
    async with admin(settings) as client:
        assert settings.topic(DEAD_LETTER) not in await client.list_topics()


@pytest.mark.parametrize("command", ["list", "replay"])
async def test_a_topic_that_no_letter_comes_from_is_refused_by_name(
    settings: Settings, environment: dict[str, str], command: str
) -> None:
    result = await giftledger(environment, "dead-letters", command, "--topic", "certificates")

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"--topic is one of {settings.topic('certificates')}, {settings.topic('definitions')}." in result.stderr


@pytest.fixture
def reader_url(stack: Stack, database_url: str) -> Iterator[str]:
    stack.postgres.execute("CREATE USER letters_reader PASSWORD 'x' IN ROLE giftledger_reporting", database="postgres")
    yield stack.postgres.url(database_url.rpartition("/")[2], user="letters_reader", password="x")
    stack.postgres.execute("DROP USER letters_reader", database="postgres")


async def test_a_user_who_may_not_see_the_ledger_is_told_the_right_that_is_missing(
    environment: dict[str, str], reader_url: str
) -> None:
    result = await giftledger(environment | {"DATABASE_URL": reader_url}, "dead-letters", "list")

    assert result.exit_code == 1
    assert "GRANT giftledger_writer TO" in result.stderr
