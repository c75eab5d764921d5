"""Meaning: in which order events stand, and what of their dates, deletes and purchases counts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.certificates import DisplayCurrency
from schemas.events import OrderKey
from schemas.registry import route
from tests.builders import (
    bought,
    definition,
    definition_deleted,
    encode,
    event,
    moment,
    paid_with,
)
from tests.unit.schemas.reading import certificate, certificate_row, message, refusal

# Meaning.


@pytest.mark.parametrize(
    ("currency", "code"),
    [
        ({"buy": 1, "sell": 1, "isocode": "CAD"}, "CAD"),
        ({"buy": 1.0, "sell": 1.0, "isocode": "CAD"}, "CAD"),
        ({"buy": 1.25, "sell": 1, "isocode": "USD"}, None),
        ({"buy": 1, "sell": 1.25, "isocode": "USD"}, None),
        ({"buy": "", "sell": "", "isocode": "CAD"}, None),
        ({"isocode": "CAD"}, None),
        ({"buy": 1, "sell": 1, "isocode": ""}, None),
        ({"buy": 1, "sell": 1}, None),
    ],
)
def test_the_display_currency_is_the_base_currency_only_at_a_rate_of_one(
    currency: dict[str, Any], code: str | None
) -> None:
    display = certificate(displayCurrency=currency).display_currency

    assert isinstance(display, DisplayCurrency)
    assert display.base_isocode == code


def order_of(body: dict[str, Any]) -> OrderKey:
    key: OrderKey = message(body).order
    return key


def test_an_event_happened_when_its_data_was_updated() -> None:
    assert order_of(bought(updated=30, createdAt=moment(10))).occurred_at.second == 30


def test_without_an_update_an_event_happened_when_its_data_was_created() -> None:
    body = bought(updated=None, createdAt=moment(10), updatedAt={"value": 0, "offset": 0})

    assert order_of(body).occurred_at.second == 10


def test_the_date_of_the_purchase_is_not_that_of_an_update() -> None:
    created, updated = (order_of(build(1, updated=None, createdAt=moment(10))) for build in (bought, paid_with))

    assert (created.occurred_at.second, updated.occurred_at.second) == (10, 0)


@pytest.mark.parametrize("absurd", ["0001-01-01T00:00:00.000Z", "1999-12-31T00:00:00Z", "2062-01-01T00:00:00Z"])
def test_a_date_that_cannot_be_true_is_passed_over_and_the_next_one_counts(absurd: str) -> None:
    wrong = {"value": absurd, "offset": 0}

    assert order_of(bought(updatedAt=wrong, createdAt=moment(10))).occurred_at.second == 10
    assert order_of(bought(updatedAt=wrong, createdAt=wrong)).occurred_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_doubt_names_the_rule_the_date_and_what_it_said() -> None:
    wrong = {"value": "0001-01-01T00:00:00.000Z", "offset": 0}
    doubt = "date_implausible {} 0001-01-01T00:00:00+00:00"

    assert event(bought(createdAt=wrong)).doubts == (doubt.format("createdAt"),)
    assert event(paid_with(1, createdAt=wrong)).doubts == (doubt.format("createdAt"),)
    assert event(definition(createdAt=wrong, updatedAt=wrong)).doubts == (
        doubt.format("createdAt"),
        doubt.format("updatedAt"),
    )
    assert event(bought(createdAt=moment(0))).doubts == ()


def test_nothing_happens_to_a_certificate_before_it_is_created() -> None:
    created, updated = order_of(bought(updated=60)), order_of(paid_with(1, updated=30))

    assert created < updated


def test_at_one_time_more_paid_transactions_are_later_and_no_list_comes_first() -> None:
    same: dict[str, Any] = {"id": "same"}
    orders = [order_of(paid_with(1, transactionsPaid=paid, envelope=same)) for paid in (None, [], ["t"], ["t", "t"])]

    assert orders == sorted(orders)
    assert len(set(orders)) == 4


@pytest.mark.parametrize("created", [946_684_799, 0, -62_135_596_800, 946_684_799_999])
def test_an_event_that_was_emitted_before_2000_is_refused_by_the_worker_and_not_by_the_ingress(created: int) -> None:
    body = bought(envelope={"created": created})

    assert route(encode(body)).topic == "certificates"
    assert refusal(body) == "`created` is before the year 2000"


def test_without_any_date_an_event_happened_when_it_was_emitted() -> None:
    key = order_of(bought(updated=None, envelope={"created": 1_780_315_200}))

    assert key.occurred_at == key.emitted_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_at_the_same_time_created_comes_before_updated_before_deleted() -> None:
    same: dict[str, Any] = {"id": "same", "created": 1_780_315_200}
    created, updated = (definition(action, updated=0, envelope=same) for action in ("created", "updated"))

    assert order_of(created) < order_of(updated) < order_of(definition_deleted(**same))


@pytest.mark.parametrize(("deleted", "second"), [(True, 30), (False, None), (None, None), ("", None)])
def test_a_definition_that_says_deleted_was_deleted_when_it_was_updated(deleted: object, second: int | None) -> None:
    deleted_at = message(definition("updated", updated=30, deleted=deleted)).deleted_at

    assert (deleted_at and deleted_at.second) == second


def test_the_purchase_is_known_by_either_of_its_two_names() -> None:
    by_either = {certificate_row(trxId="purchase"), certificate_row(transactionId="purchase")}

    assert by_either == {certificate_row(transactionId="purchase", trxId="something else")}
