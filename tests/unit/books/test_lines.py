"""Lines: what a history comes to, as a pure function; compared with books that were computed the obvious way."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from consumer.books.days import zone_named
from consumer.books.exceptions import go_through, judge
from consumer.books.journal import correct
from consumer.books.lines import Line, in_order, lines, moving, step
from consumer.books.terms import consideration, terms_of
from consumer.postgres.figure_settings import FigureSettings
from schemas.certificates import CERTIFICATES, Fact
from schemas.events import Event
from tests.builders import DEFINITION_ID, bought, event, paid_with
from tests.histories import deliveries, sales_and_payments
from tests.laboratory import decoded
from tests.reference import Delivery, first_currencies
from tests.reference_books import GROUPS, journal

SETTINGS = FigureSettings("UTC", {})
NO_DEFINITIONS: dict[str, str | None] = {}
BIG = 2**53 - 1
# Long lives of few certificates: they are paid with, rise, are voided and come back.
lives = deliveries(most=16, of=sales_and_payments)


def facts(*events: Event) -> list[Fact]:
    return [one.snapshot for one in events]


def histories(whole: list[Delivery]) -> dict[tuple[str, bool], list[Fact]]:
    """Give the events of each certificate, each once."""
    known: dict[tuple[str, bool, str], Fact] = {}
    for one in decoded(whole):
        if one.entity.family is CERTIFICATES:
            fact = one.snapshot
            known.setdefault((fact.certificate_id, fact.livemode, fact.event_id), fact)
    found: dict[tuple[str, bool], list[Fact]] = {}
    for (certificate_id, livemode, _), fact in known.items():
        found.setdefault((certificate_id, livemode), []).append(fact)
    return found


@given(st.one_of(deliveries(), lives, lives))
def test_lines_are_those_of_books_that_were_computed_the_obvious_way(whole: list[Delivery]) -> None:
    currencies = first_currencies(whole)
    made: Counter[tuple[Any, ...]] = Counter()
    for (certificate_id, livemode), history in histories(whole).items():
        definitions = {id_: currency for (id_, live), currency in currencies.items() if live is livemode}
        for line in lines(history, definitions, SETTINGS):
            said = asdict(line) | {"certificate_id": certificate_id, "livemode": livemode}
            made[(*(said[group] for group in GROUPS), line.change, line.change_at_consideration)] += 1

    assert made == journal(whole)


@given(whole=lives, data=st.data())
def test_lines_do_not_depend_on_the_order_of_arrival(whole: list[Delivery], data: st.DataObject) -> None:
    for history in histories(whole).values():
        other = data.draw(st.permutations(history))

        assert lines(other, NO_DEFINITIONS, SETTINGS) == lines(history, NO_DEFINITIONS, SETTINGS)


@given(lives)
def test_the_newest_event_adds_its_lines_and_changes_no_other(whole: list[Delivery]) -> None:
    for history in histories(whole).values():
        ordered = in_order(history)
        terms = terms_of(ordered, NO_DEFINITIONS, SETTINGS)
        *before, newest = moving(ordered)
        if not before:
            continue
        standing, made, _ = go_through(None, before, terms, SETTINGS)

        assert made + step(standing, newest, terms, SETTINGS)[1] == judge(ordered, terms, SETTINGS)[1]


@given(lives)
def test_the_newest_event_fits_the_terms_where_it_leaves_them_as_they_are(whole: list[Delivery]) -> None:
    for history in histories(whole).values():
        *before, newest = in_order(history)
        if before and not newest.is_created:
            terms = terms_of(before, NO_DEFINITIONS, SETTINGS)

            assert terms.fit(newest) == (terms == terms_of([*before, newest], NO_DEFINITIONS, SETTINGS))


@given(standing=lives, should=lives)
def test_what_is_corrected_is_what_should_stand(standing: list[Delivery], should: list[Delivery]) -> None:
    before, after = (
        Counter(line for history in histories(whole).values() for line in lines(history, NO_DEFINITIONS, SETTINGS))
        for whole in (standing, should)
    )

    corrected = Counter(before)
    for line, entry in correct(before, after.elements()):
        corrected[line] += entry

    assert corrected == after
    assert {line for line, count in corrected.items() if count < 0} == set()


def only(*events: Event, **account_currencies: str) -> list[Line]:
    return lines(facts(*events), {DEFINITION_ID: "EUR"}, FigureSettings("UTC", account_currencies))


STATION = {"shiftLocation": {"stationId": "s", "primaryCurrencyCode": "CAD"}}
DISPLAY = {"displayCurrency": {"buy": 1, "sell": 1, "isocode": "USD"}}


@pytest.mark.parametrize(
    ("data", "currency"),
    [
        ({"certDefId": DEFINITION_ID, "accountId": "a", **STATION, **DISPLAY}, "EUR"),
        ({"accountId": "a", **STATION, **DISPLAY}, "CAD"),
        ({"accountId": "a", **DISPLAY}, "GBP"),
        (DISPLAY, "USD"),
        ({"displayCurrency": {"buy": 2, "sell": 1, "isocode": "USD"}}, "unspecified"),
    ],
    ids=["the definition's", "its purchase's station's", "its account's", "its display's at par", "none"],
)
def test_the_first_currency_that_is_given(data: dict[str, Any], currency: str) -> None:
    (line,) = only(event(bought(**data)), a="GBP")

    assert line.currency == currency


def test_where_somebody_pays_names_no_currency() -> None:
    (line,) = only(event(paid_with(1, updated=60, **STATION, **DISPLAY)))

    assert line.currency == "unspecified"


@pytest.mark.parametrize(
    ("face_value", "price", "balance", "paid"),
    [
        (500, 400, 500, 400),
        (500, 400, 100, 80),
        (3, 1, 1, 0),
        (2, 1, 1, 1),
        (3, 2, 1, 1),
        (500, 400, 600, 500),
        (500, 400, -100, -100),
        (500, 0, 100, 0),
        (0, 400, 100, 100),
        (500, None, 100, 100),
        (None, None, 100, 100),
        (BIG, BIG - 1, BIG - 2, BIG - 3),
    ],
)
def test_what_was_paid_for_a_balance(face_value: int | None, price: int | None, balance: int, paid: int) -> None:
    terms = terms_of(facts(event(bought())), NO_DEFINITIONS, SETTINGS)

    assert consideration(balance, replace(terms, face_value=face_value, price=price)) == paid


def test_the_largest_amounts_that_can_be_said_fit_a_bigint() -> None:
    extremes = [event(bought(-BIG, price=BIG)), event(paid_with(BIG, updated=30)), event(paid_with(-BIG, updated=60))]

    for line in only(*extremes):
        assert max(abs(line.change), abs(line.change_at_consideration), abs(line.balance)) < 2**63


@pytest.mark.parametrize("sent", ["America/Toronto", " america/TORONTO ", "AMERICA/TORONTO"])
def test_a_time_zone_is_known_whatever_its_case_and_the_blanks_around_it(sent: str) -> None:
    assert zone_named(sent) == "America/Toronto"


@pytest.mark.parametrize("sent", [None, "", " ", "Mars/Olympus", "x" * 100_000])
def test_whatever_else_is_no_time_zone(sent: str | None) -> None:
    assert zone_named(sent) is None


def test_books_run_forward_over_two_stations_days() -> None:
    east: dict[str, Any] = {"shiftLocation": {"stationId": "east", "timeZone": "Pacific/Auckland"}}
    west: dict[str, Any] = {"shiftLocation": {"stationId": "west", "timeZone": "America/Toronto"}}

    sold, redeemed = only(event(bought(**east)), event(paid_with(1, updated=60, **west)))

    assert (sold.local_day, sold.posting_day) == (date(2026, 6, 2), date(2026, 6, 2))
    assert (redeemed.local_day, redeemed.posting_day) == (date(2026, 6, 1), date(2026, 6, 2))


@pytest.mark.parametrize("sent", [{}, {"timeZone": "Mars/Olympus"}])
def test_without_a_time_zone_of_its_station_an_event_falls_on_the_day_of_the_reporting_time_zone(
    sent: dict[str, str],
) -> None:
    history = facts(event(bought(shiftLocation=sent)))

    (line,) = lines(history, NO_DEFINITIONS, FigureSettings("Pacific/Auckland", {}))
    (without_any,) = lines(history, NO_DEFINITIONS, FigureSettings("Mars/Olympus", {}))

    assert (line.local_day, without_any.local_day) == (date(2026, 6, 2), date(2026, 6, 1))


def test_a_line_counts_from_the_latest_time_so_far() -> None:
    _, redeemed = only(event(bought(updated=90)), event(paid_with(1, updated=60)))

    assert redeemed.effective_at == datetime(2026, 6, 1, 12, 1, 30, tzinfo=UTC)


def rules(*events: Event) -> list[str]:
    history = in_order(facts(*events))
    _, _, found = judge(history, terms_of(history, NO_DEFINITIONS, SETTINGS), SETTINGS)
    return sorted(finding.rule for finding in found)


def paid(balance: int, updated: int, count: int | None, **data: Any) -> Event:
    listed: dict[str, Any] = {} if count is None else {"transactionsPaid": [f"t{number}" for number in range(count)]}
    return event(paid_with(balance, updated=updated, **listed, **data))


SOLD = event(bought(100, transactionsPaid=[]))


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([paid(50, 30, 1)], []),
        ([paid(150, 30, 0)], ["balance_rose"]),
        ([paid(-50, 30, 1)], ["balance_negative"]),
        ([paid(50, 30, 2)], ["events_missing"]),
        ([paid(50, 30, 0)], ["redeemed_without_transaction"]),
        ([paid(50, 30, None)], []),
        ([paid(100, 30, 1)], ["paid_without_redemption"]),
        (
            [paid(0, 30, 0, deleted=True), paid(100, 60, 0), paid(90, 90, 1)],
            ["balance_rose", *["redeemed_after_deleted"] * 2],
        ),
        ([paid(100, 30, 0, deleted=True)], []),
        ([event(bought(90, updated=1, transactionsPaid=[]))], ["created_again"]),
        ([paid(50, 30, 1, accountId="b"), event(paid_with(40, updated=60, accountId="c"))], ["account_changed"]),
        ([paid(50, 30, 1, shiftLocation={"primaryCurrencyCode": "CAD"})], ["currency_changed"]),
        ([paid(50, 30, 1, createdAt={"value": "1999-12-31T00:00:00Z", "offset": 0})], ["date_implausible"]),
        ([paid(50, 30, 1, customerNumber=[])], ["field_unreadable"]),
        ([paid(0, 30, 1, customerNumber=[])], ["field_unreadable"]),
        ([paid(50, 30, 1, deleted=True), paid(50, 60, 2, deleted=True)], []),
        ([paid(50, 30, 1, deleted=True), paid(40, 60, 1, deleted=True)], ["redeemed_after_deleted"]),
        (
            [event(bought(90, updated=1, transactionsPaid=[], customerNumber=[]))],
            ["created_again", "field_unreadable"],
        ),
    ],
)
def test_the_exceptions_that_events_show(events: list[Event], found: list[str]) -> None:
    assert rules(SOLD, *events) == sorted(found)


def test_a_late_event_heals_what_was_missing() -> None:
    gap, between = paid(50, 60, 2), paid(80, 30, 1)

    assert rules(SOLD, gap) == ["events_missing"]
    assert rules(SOLD, gap, between) == []
