"""Coverage: a month of which the sender has confirmed too little is prepared only by whoever says why."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from consumer.close import store
from consumer.close.month import Period
from consumer.common.settings import Settings
from consumer.postgres.database import Connection
from tests.builders import bought
from tests.closing import JUNE, Applied, closed, confirmed, manifest, on, prepare, publish

PERIOD = Period(JUNE, "a1")
CAD: dict[str, Any] = {"accountId": "a1", "shiftLocation": {"stationId": "toronto", "primaryCurrencyCode": "CAD"}}


async def test_a_coverage_below_the_setting_is_a_warning_that_can_be_accepted(
    books: Applied, connection: Connection, settings: Settings, key: Path
) -> None:
    await sold(books)
    await confirmed(connection, "one")

    outlook = await prepare(connection, settings, PERIOD, by="Ann")

    (warning,) = outlook.warnings
    assert warning.rule == "coverage_low"
    assert "30.00000 of 40.00000 CAD" in warning.found
    assert not outlook.is_clear
    await closed(connection, settings, PERIOD, key, accept=["coverage_low"])
    close, _ = await store.close_of(connection, PERIOD)
    assert manifest(close)["prepared"]["coverage"] == [
        {"currency": "CAD", "outstanding": "40.00000", "confirmed": "30.00000"}
    ]


@pytest.mark.parametrize(("least", "rules"), [(0.75, []), (0.751, ["coverage_low"]), (0.0, [])])
async def test_the_setting_says_how_much_is_enough(
    books: Applied, connection: Connection, settings: Settings, least: float, rules: list[str]
) -> None:
    await sold(books)
    await confirmed(connection, "one")

    wanted = msgspec.structs.replace(settings, close_coverage_ratio=least)
    outlook = await prepare(connection, wanted, PERIOD, by="Ann")

    assert [warning.rule for warning in outlook.warnings] == rules


async def test_where_the_sender_was_never_asked_nobody_is_warned(
    books: Applied, connection: Connection, settings: Settings
) -> None:
    await sold(books)

    assert (await prepare(connection, settings, PERIOD, by="Ann")).is_clear


async def sold(books: Applied) -> None:
    """Sell two certificates, for 30 and for 10."""
    await publish(
        books.settings,
        [
            bought(3_000_000, **CAD | {"_id": "one"}, **on(JUNE)),
            bought(1_000_000, **CAD | {"_id": "other"}, **on(JUNE)),
        ],
    )
    await books.catch_up()
