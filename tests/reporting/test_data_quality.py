"""Every rule of data_quality_exceptions finds its case, and sound traffic breaks none."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from consumer.postgres.database import Pool
from tests.builders import CERTIFICATE_ID, DEFINITION_ID, bought, definition, definition_deleted, paid_with
from tests.reference import Delivery
from tests.reporting.loading import load
from tests.reporting.year import START

TORONTO = {"stationId": "toronto", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"}
SALE: dict[str, Any] = {"certDefId": DEFINITION_ID, "shiftLocation": TORONTO, "transactionsPaid": []}

Body = dict[str, Any]


def sold(balance: int = 5_000_000, **data: Any) -> Body:
    return bought(balance, **{**SALE, **data})


def paid(balance: int, transactions: int, **data: Any) -> Body:
    return paid_with(balance, **{**SALE, "transactionsPaid": ["t"] * transactions, "updated": transactions, **data})


async def exceptions(connections: Pool, *bodies: Body) -> list[tuple[str, str | None, str, str | None]]:
    """Apply the bodies, and give rule, entity, and what was observed and expected."""
    await load(connections, [Delivery(body, START + timedelta(seconds=n)) for n, body in enumerate(bodies)])
    rows = await connections.fetch(
        "SELECT * FROM reporting.data_quality_exceptions ORDER BY rule, entity_id DESC, observed"
    )
    assert await connections.fetchval("SELECT count(*) FROM reporting_test.data_quality_exceptions") == 0
    return [(row["rule"], row["entity_id"], row["observed"], row["expected"]) for row in rows]


async def test_sound_traffic_breaks_no_rule(connections: Pool) -> None:
    assert await exceptions(connections, definition(), sold(), paid(3_000_000, 1), paid(0, 2)) == []


@pytest.mark.parametrize(
    ("rule", "observed", "expected", "bodies"),
    [
        ("balance_rose", "60.00000", "at most 50.00000", [
            sold(6_000_000), paid(5_000_000, 1), paid(6_000_000, 1, updated=2),
        ]),
        ("redeemed_without_transaction", "1 transactions paid", "2", [sold(), paid(4, 1), paid(3, 1, updated=2)]),
        ("events_missing", "3 transactions paid", "at most 1", [sold(), paid(1_000_000, 3)]),
        ("balance_negative", "-0.00001", "at least 0", [sold(), paid(-1, 1)]),
        ("redeemed_after_deleted", "20.00000", "no change once deleted", [
            sold(), paid(3_000_000, 1, deleted=True), paid(2_000_000, 2, deleted=True),
        ]),
        ("currency_changed", "USD", "CAD", [
            sold(), paid(1, 1, shiftLocation={**TORONTO, "primaryCurrencyCode": "USD"}),
        ]),
        ("price_over_face_value", "60.00000", "at most 50.00000", [sold(price=6_000_000)]),
        ("created_again", "created again", None, [sold(), sold(6_000_000, updated=5), paid(4_000_000, 1)]),
        ("created_again", "created again", None, [sold(6_000_000, updated=5), sold()]),
        ("field_unreadable", "status: array", "a value as the sender documents it", [
            sold(), paid(4_000_000, 1, status=[]),
        ]),
        ("field_unreadable", "shiftLocation.primaryCurrencyCode: text", None, [
            sold(), paid(4_000_000, 1, shiftLocation={**TORONTO, "primaryCurrencyCode": "CADX"}),
        ]),
        ("field_unreadable", "accountId: text", None, [sold(), paid(4_000_000, 1, accountId="a" * 60_000)]),
        ("date_implausible", "updatedAt 2062-01-01T00:00:00+00:00", None, [
            sold(), paid(4_000_000, 1, updatedAt={"value": "2062-01-01T00:00:00Z", "offset": 0}),
        ]),
        ("date_implausible", "createdAt 0001-01-01T00:00:00+00:00", None, [
            sold(createdAt={"value": "0001-01-01T00:00:00.000Z", "offset": 0}),
        ]),
        ("currency_unspecified", "none", None, [sold(shiftLocation={})]),
        ("definition_unknown", "other", "a definition that we know", [sold(certDefId="other")]),
        ("price_missing", "none", "a price", [sold(price=None)]),
        ("purchase_already_spent", "1 transactions paid", "none at the purchase", [sold(transactionsPaid=["t"])]),
        ("purchase_already_spent", "40.00000", "the face value of its definition, 50.00000", [
            sold(4_000_000, price=4_000_000),
        ]),
        ("voided_at_purchase", "deleted when it was purchased", None, [sold(deleted=True)]),
        *(
            ("sold_while_disabled", "sold at 2026-06-01 12:00:05+00", None, [
                definition(updated=at, disabled=True), sold(updated=5),
            ])
            for at in (0, 5)
        ),
        ("sold_after_deleted", "sold at 2026-06-01 12:00:05+00", None, [
            definition(), definition_deleted(), sold(updated=5),
        ]),
    ],
)  # fmt: skip
async def test_a_rule_finds_its_case(
    connections: Pool, rule: str, observed: str, expected: str | None, bodies: list[Body]
) -> None:
    bodies = (
        bodies if any(body["event"].startswith("giftcertificates.") for body in bodies) else [definition(), *bodies]
    )

    ((found, entity_id, was, should_be),) = await exceptions(connections, *bodies)

    assert (found, entity_id, was) == (rule, CERTIFICATE_ID, observed)
    assert expected is None or should_be == expected


@pytest.mark.parametrize(
    ("rule", "bodies"),
    [
        ("balance_rose", [sold(), paid(3_000_000, 1), paid(3_000_000, 2)]),
        ("balance_negative", [sold(), paid(0, 1)]),
        ("balance_over_face_value", [sold(), paid(5_000_000, 1)]),
        ("price_over_face_value", [definition(price=5_000_000), sold(price=5_000_000)]),
        ("first_seen_partial", [paid(5_000_000, 1)]),
        ("events_missing", [sold(), paid(3_000_000, 1), paid(2_000_000, 2)]),
        ("events_missing", [sold(transactionsPaid=None), paid(3_000_000, 3)]),
        ("redeemed_without_transaction", [sold(), paid(3_000_000, 1, transactionsPaid=None)]),
        ("redeemed_after_deleted", [sold(), paid(3_000_000, 1, deleted=True), paid(3_000_000, 2, deleted=True)]),
        ("currency_unspecified", [sold(shiftLocation={}, displayCurrency={"buy": 1, "sell": 1, "isocode": "CAD"})]),
        ("currency_changed", [sold(), paid(1, 1, shiftLocation={**TORONTO, "primaryCurrencyCode": "cad "})]),
        ("currency_changed", [sold(), paid(1, 1, shiftLocation={})]),
        ("definition_unknown", [sold(), definition()]),
        ("definition_unknown", [sold(certDefId="")]),
        ("price_missing", [sold(price=0)]),
        ("price_missing", [paid(3_000_000, 1, price=None)]),
        ("purchase_already_spent", [sold(transactionsPaid=None)]),
        ("purchase_already_spent", [sold(), paid(3_000_000, 1)]),
        ("voided_at_purchase", [sold(), paid(5_000_000, 0, updated=1, deleted=True)]),
        (
            "definition_currency_changed",
            [
                definition(currencyCode="CAD"),
                definition("updated", updated=5, currencyCode="cad"),
            ],
        ),
        ("definition_unknown", [definition(), definition_deleted(), sold()]),
        ("sold_while_disabled", [definition(updated=9, disabled=True), sold(updated=5)]),
        ("sold_after_deleted", [definition(), definition_deleted(created=1780315209), sold(updated=5)]),
        ("sold_after_deleted", [definition(), definition_deleted(created=1780315205), sold(updated=5)]),
        ("time_zone_invalid", [sold(shiftLocation={**TORONTO, "timeZone": ""})]),
        ("projection_differs", [sold(), paid(1_000_000, 2), paid(3_000_000, 1)]),
        ("purchase_missing", [paid(3_000_000, 1), sold()]),
    ],
)
async def test_a_rule_stays_quiet_where_it_is_only_nearly_broken(
    connections: Pool, rule: str, bodies: list[Body]
) -> None:
    bodies = (
        bodies if any(body["event"].startswith("giftcertificates.") for body in bodies) else [definition(), *bodies]
    )

    assert rule not in [found for found, *_ in await exceptions(connections, *bodies)]


async def test_a_balance_may_not_exceed_the_face_value(connections: Pool) -> None:
    found = await exceptions(connections, definition(), sold(), paid(5_100_000, 1))

    assert [rule for rule, *_ in found] == ["balance_over_face_value", "balance_rose", "paid_without_redemption"]


async def test_an_update_without_its_purchase_is_seen_and_settled_by_a_late_purchase(connections: Pool) -> None:
    found = await exceptions(connections, definition(currencyCode="CAD"), paid(2_000_000, 1))
    assert [(rule, observed) for rule, _, observed, _ in found] == [
        ("first_seen_partial", "20.00000"),
        ("purchase_missing", "updates only"),
    ]

    assert await exceptions(connections, sold()) == []


async def test_a_definition_may_not_cost_more_than_it_gives(connections: Pool) -> None:
    found = await exceptions(connections, definition(price=6_000_000))

    assert found == [("price_over_face_value", DEFINITION_ID, "60.00000", "at most 50.00000")]


async def test_a_definition_that_names_another_currency_than_before_is_reported(
    connections: Pool,
) -> None:
    edited = definition("updated", updated=5, currencyCode="USD")
    found = await exceptions(connections, definition(currencyCode="CAD"), edited, sold())

    assert found == [("definition_currency_changed", DEFINITION_ID, "USD", "CAD")]
    assert await connections.fetchval("SELECT currency FROM reporting.certificate_current") == "CAD"


async def test_what_is_acknowledged_stays_until_it_says_something_else(connections: Pool) -> None:
    await exceptions(connections, definition(), sold(), paid(6_000_000, 1, transactionsPaid=[]))
    state = "SELECT rule, is_acknowledged, acknowledged_by FROM reporting.data_quality_exceptions ORDER BY rule"
    await connections.execute(
        "INSERT INTO exception_acknowledgement"
        " (rule, entity, entity_id, livemode, event_id, observed, expected, acknowledged_by, because)"
        " SELECT rule, entity, entity_id, true, event_id, observed, expected, 'Ada', 'a goodwill gesture'"
        " FROM reporting.data_quality_exceptions"
    )
    assert [tuple(row) for row in await connections.fetch(state)] == [
        ("balance_over_face_value", True, "Ada"),
        ("balance_rose", True, "Ada"),
    ]

    await exceptions(connections, paid(7_000_000, 2, transactionsPaid=[]))

    assert [tuple(row) for row in await connections.fetch(state)] == [
        ("balance_over_face_value", False, None),
        ("balance_rose", True, "Ada"),
        ("balance_rose", False, None),
    ]


async def test_an_attempt_that_named_two_events_is_an_exception_until_the_second_comes_by_another_way(
    connections: Pool,
) -> None:
    first, second = sold(), paid(3_000_000, 1)
    reused = {**second, "attemptId": first["attemptId"]}
    ((rule, entity_id, *_),) = await exceptions(connections, definition(), first, reused)
    assert (rule, entity_id) == ("attempt_reused", CERTIFICATE_ID)

    assert await exceptions(connections, second) == []


async def test_an_implausible_date_of_a_definition_is_reported(connections: Pool) -> None:
    found = await exceptions(connections, definition(updatedAt={"value": "9999-12-31T23:59:59.999999Z", "offset": 0}))

    assert [(rule, entity_id, observed) for rule, entity_id, observed, _ in found] == [
        ("date_implausible", DEFINITION_ID, "updatedAt 9999-12-31T23:59:59.999999+00:00")
    ]


async def test_a_currency_that_is_none_becomes_no_group_of_any_report(connections: Pool) -> None:
    none = "C" * 60_000
    found = await exceptions(
        connections,
        definition(currencyCode="dollars"),
        sold(
            shiftLocation={**TORONTO, "primaryCurrencyCode": none},
            displayCurrency={"buy": 1, "sell": 1, "isocode": "$"},
        ),
    )

    assert [(rule, entity_id, observed, expected) for rule, entity_id, observed, expected in found][1:] == [
        ("field_unreadable", entity_id, observed, "a value as the sender documents it")
        for entity_id, observed in (
            (DEFINITION_ID, "currencyCode: text"),
            (CERTIFICATE_ID, "displayCurrency.isocode: text"),
            (CERTIFICATE_ID, "shiftLocation.primaryCurrencyCode: text"),
        )
    ]
    assert found[0][:3] == ("currency_unspecified", CERTIFICATE_ID, "none")
    for report in ("liability_current", "liability_rollforward_monthly", "books_monthly", "definition_performance"):
        rows = await connections.fetch(f"SELECT DISTINCT currency FROM reporting.{report}")  # noqa: S608 - ours
        assert [tuple(row) for row in rows] == [("unspecified",)], report


async def test_a_reused_attempt_is_not_hidden_by_an_event_of_the_other_family(connections: Pool) -> None:
    """An event belongs to its entity: a certificate and a definition may have one id, and events of one id."""
    first = sold()
    of_certificate = paid(4_000_000, 1, envelope={"id": "one id"})
    of_definition = definition(_id=CERTIFICATE_ID, envelope={"id": "one id", "attemptId": first["attemptId"]})

    found = await exceptions(connections, definition(), first, of_certificate, of_definition)

    assert [(rule, entity_id) for rule, entity_id, *_ in found] == [("attempt_reused", CERTIFICATE_ID)]


async def test_an_unknown_time_zone_is_reported_once_and_breaks_nothing(connections: Pool) -> None:
    olympus = {**TORONTO, "timeZone": "Mars/Olympus"}
    found = await exceptions(
        connections, definition(), sold(shiftLocation=olympus), paid(3_000_000, 1, shiftLocation=olympus)
    )

    assert found == [("time_zone_invalid", "toronto", "Mars/Olympus", "a name of the IANA time zone database")]


async def test_an_unknown_time_zone_in_the_settings_is_reported(connections: Pool) -> None:
    await connections.execute("UPDATE reporting_setting SET time_zone = 'Mars/Olympus'")

    rows = await connections.fetch("SELECT rule, entity_id, observed FROM reporting.data_quality_exceptions")
    assert [tuple(row) for row in rows] == [("time_zone_invalid", "REPORTING_TIME_ZONE", "Mars/Olympus")]


async def test_a_projection_that_left_its_history_is_reported_and_does_not_close(connections: Pool) -> None:
    await exceptions(connections, definition(), sold(), paid(3_000_000, 1))
    await connections.execute("UPDATE certificate SET balance = balance + 1")

    rows = await connections.fetch("SELECT rule, observed, expected FROM reporting.data_quality_exceptions")
    assert [tuple(row) for row in rows] == [("projection_differs", "30.00001", "30.00000")]
    differences = await connections.fetch("SELECT DISTINCT difference FROM reporting.liability_rollforward_monthly")
    assert [str(difference) for (difference,) in differences] == ["0.00001"]


async def test_a_certificate_that_only_one_of_the_books_knows_is_named(connections: Pool) -> None:
    await exceptions(connections, definition(), sold(), sold(envelope={"id": "another"}, _id="another"))
    await connections.execute("DELETE FROM certificate WHERE certificate_id = 'another'")
    await connections.execute("UPDATE certificate SET certificate_id = 'unbooked'")

    rows = await connections.fetch("SELECT entity_id, observed, expected FROM reporting.data_quality_exceptions")
    assert {tuple(row) for row in rows} == {
        ("another", "no certificate", "50.00000"),
        (CERTIFICATE_ID, "no certificate", "50.00000"),
        ("unbooked", "50.00000", "no line in the journal"),
    }


async def test_a_purchase_that_is_both_spent_and_partial_is_one_exception(connections: Pool) -> None:
    found = await exceptions(connections, definition(), sold(4_000_000, price=4_000_000, transactionsPaid=["t"]))

    assert [(rule, observed) for rule, _, observed, _ in found] == [("purchase_already_spent", "1 transactions paid")]


async def test_a_certificate_is_judged_by_the_definition_of_its_own_mode(connections: Pool) -> None:
    for_tests = definition(value=9_000_000, envelope={"livemode": False})

    assert await exceptions(connections, definition(), for_tests, sold()) == []


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (("balance_differs", 5_000_000, 4_000_000, None, None), [("50.00000", "40.00000")]),
        (("missing_there", 5_000_000, None, None, None), [("50.00000", "nothing")]),
        (("balance_differs", 5_000_000, None, None, None), [("50.00000", "an amount")]),
        (("balance_differs", 5_000_000, 5_000_000, 1, 2), [("50.00000 at 0.00001", "50.00000 at 0.00002")]),
        (("balance_differs", 3_000_000, 4_000_000, None, None), []),  # ours is another one now
        (("match", 5_000_000, 5_000_000, None, None), []),
    ],
)
async def test_what_the_sender_says_otherwise_is_an_exception_while_ours_stands(
    connections: Pool,
    look: tuple[str, int, int | None, int | None, int | None],
    expected: list[tuple[str, str]],
) -> None:
    await exceptions(connections, definition(), sold())
    await connections.execute(
        "INSERT INTO reconciliation_item (looked_at, differs_since, amount_here, amount_there, price_here, price_there,"
        " run_id, verdict, entity, livemode, entity_id, list_key)"
        " VALUES (now(), now(), $3, $4, $5, $6, 1, $2, 'certificate', true, $1, '1')",
        CERTIFICATE_ID,
        *look,
    )

    rows = await connections.fetch(
        "SELECT observed, expected FROM reporting.data_quality_exceptions WHERE rule = 'sender_differs'"
    )
    assert [tuple(row) for row in rows] == expected


async def test_the_largest_amounts_break_no_report(connections: Pool) -> None:
    largest, smallest = 2**53 - 1, -(2**53) + 1
    await exceptions(
        connections,
        definition(price=smallest, value=largest),
        sold(largest, price=smallest, total=largest),
        paid(smallest, 1),
        paid(largest, 2),
    )

    for (report,) in await connections.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'reporting'"):
        await connections.fetch(f"SELECT * FROM reporting.{report}")  # noqa: S608
    assert str(await connections.fetchval("SELECT outstanding FROM reporting.liability_current")) == "90071992547.40991"


async def test_no_sum_of_the_largest_amounts_breaks_a_report(connections: Pool) -> None:
    """So many that their sum has more digits than a numeric(20, 5)."""
    await exceptions(connections, sold(2**53 - 1, price=2**53 - 1, total=2**53 - 1), paid(2**53 - 2, 1))
    for table in ("certificate", "journal"):
        columns = await connections.fetchval(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_schema = 'giftcert' AND table_name = $1 AND column_name NOT IN ('id', 'certificate_id')",
            table,
        )
        await connections.execute(
            f"INSERT INTO {table} (certificate_id, {columns})"  # noqa: S608 - names of ours
            f" SELECT 'another-' || number, {columns} FROM {table} CROSS JOIN generate_series(1, 12000) AS number"
        )

    for (report,) in await connections.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'reporting'"):
        await connections.fetch(f"SELECT * FROM reporting.{report}")  # noqa: S608
    for function in ("liability_rollforward('-infinity', 'infinity')", "liability_on('2026-06-01')"):
        await connections.fetch(f"SELECT * FROM reporting.{function}")  # noqa: S608
    outstanding = await connections.fetchval("SELECT outstanding FROM reporting.liability_current")
    assert outstanding == 12_001 * Decimal(2**53 - 2) / 100_000
