"""Random traffic for property tests: few entities, few times, so that everything collides with everything."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.reference import Delivery

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CREATED = 1780315200

_nothing = st.sampled_from([None, "", {}, {"value": 0, "offset": 0}])
# An hour and four seconds after the first is too late for some of the events, and not for others.
_absurd = [
    "0001-01-01T00:00:00.000Z",
    "1999-12-31T23:59:59.999Z",
    "2062-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
]
_dates = st.one_of(
    st.integers(0, 4).map(lambda second: {"value": f"2026-06-01T12:00:0{second}.000Z", "offset": -240}),
    st.integers(0, 4).map(lambda second: {"value": f"2026-06-01T13:00:0{second}.000Z", "offset": -240}),
    st.sampled_from(_absurd).map(lambda value: {"value": value, "offset": 0}),
    _nothing,
)
_created = st.one_of(st.integers(CREATED, CREATED + 3), st.integers(CREATED * 1000, CREATED * 1000 + 3000))
_money = st.one_of(st.integers(0, 5), st.sampled_from([-1, 2**53 - 1, -(2**53) + 1]))
_texts = st.sampled_from(["", "a", "Zoë 🎁", 'quote " and \\', "\ttab"])
# Noon of one is the next day of another.
_zones = st.sampled_from(["", "America/Toronto", " pacific/AUCKLAND", "Pacific/Pago_Pago", "Mars/Olympus"])
_stations = st.one_of(
    _nothing.filter(lambda nothing: nothing != {"value": 0, "offset": 0}),
    st.fixed_dictionaries(
        {"stationId": st.one_of(_texts, st.just("s" * 257)), "name": _texts},
        optional={"timeZone": _zones, "primaryCurrencyCode": st.sampled_from(["", " cad", "USD", "CADX", "Zoë 🎁"])},
    ),
)
_certificate_data = st.fixed_dictionaries(
    {"_id": st.sampled_from(["c1", "c1", "c1", "c2"]), "balance": _money},
    optional={
        "price": st.one_of(_money, st.sampled_from(["", None])),
        "accountId": st.sampled_from(["", "a1", "a2", "a" * 256, "a" * 257]),
        "certDefId": st.sampled_from(["", "d1", "d1", "c1"]),
        "agencyId": st.sampled_from(["", "g1"]),
        "agencyName": _texts,
        "status": st.one_of(_texts, st.just(7)),
        "deleted": st.sampled_from([True, False, "", None, 0]),
        "updatedAt": _dates,
        "createdAt": _dates,
        "shiftLocation": st.one_of(_stations, st.just([])),
        "displayCurrency": st.sampled_from(
            [
                None,
                {},
                {"buy": 1, "sell": 1.0, "isocode": "CAD"},
                {"buy": 1, "sell": 1, "isocode": "CA$"},
                {"buy": 2, "sell": 1},
            ]
        ),
        "transactionsPaid": st.sampled_from([None, [], ["t1"], [{"id": "t1"}, "t2"]]),
        "customerNumber": _texts,
        "unknown": st.sampled_from([None, 1.5, [], {"deep": [{}]}, "text"]),
    },
)
_definition_data = st.fixed_dictionaries(
    {"_id": st.sampled_from(["d1", "c1"])},
    optional={
        "name": _texts,
        "price": _money,
        "value": _money,
        "deleted": st.booleans(),
        "disabled": st.sampled_from([True, False, None, ""]),
        "updatedAt": _dates,
        "createdAt": _dates,
        "currencyCode": st.sampled_from(["", "CAD", "eur ", "euros"]),
    },
)
_delete_data = st.fixed_dictionaries({"giftcertificateId": st.sampled_from(["d1", "c1"])})
_live = st.sampled_from([True, True, True, False])


def _happening(data: st.SearchStrategy[dict[str, Any]], *events: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"event": st.sampled_from(events), "data": data, "created": _created, "livemode": _live}
    )


# What happened, without the ids of event and attempt.
sales_and_payments = _happening(
    _certificate_data, "giftcertificate.created", "giftcertificate.updated", "giftcertificate.updated"
)
# Most of them of certificates, and of one: one event alone moves nothing back and forth.
happenings = st.one_of(
    sales_and_payments,
    sales_and_payments,
    sales_and_payments,
    _happening(_definition_data, "giftcertificates.created", "giftcertificates.updated"),
    _happening(_delete_data, "giftcertificates.deleted"),
)
arrivals = st.integers(0, 3).map(lambda milliseconds: NOON + timedelta(milliseconds=milliseconds))


@st.composite
def deliveries(
    draw: st.DrawFn, *, most: int = 10, of: st.SearchStrategy[dict[str, Any]] = happenings
) -> list[Delivery]:
    """Draw events, send each by one to three attempts, some of them twice, some in both modes, and shuffle it all."""
    happened = draw(st.lists(of, min_size=1, max_size=most))
    # Event ids decide the last ties, so they must not grow with time.
    event_ids = draw(st.permutations([f"{'eEé'[n % 3]}{n}" for n in range(len(happened))]))
    sent: list[Delivery] = []
    for number, (event_id, happening) in enumerate(zip(event_ids, happened, strict=True)):
        for livemode in {happening["livemode"], draw(_live)}:
            sent += draw(_attempts({"id": event_id, **happening, "livemode": livemode}, number))
    return draw(st.permutations(sent))


@st.composite
def _attempts(draw: st.DrawFn, envelope: dict[str, Any], number: int) -> list[Delivery]:
    sent = []
    for attempt in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        body = {**envelope, "attemptId": f"attempt-{number}-{attempt}"}
        # The broker may give a record twice, and an operator may send a dead letter again.
        sent += [Delivery(body, draw(arrivals)) for _ in range(draw(st.sampled_from([1, 1, 2])))]
    return sent


@st.composite
def batches(draw: st.DrawFn) -> list[list[Delivery]]:
    """Cut random traffic into batches."""
    whole = draw(deliveries())
    cuts = sorted(draw(st.sets(st.integers(1, len(whole)), max_size=4)))
    edges = [0, *cuts, len(whole)]
    return [whole[start:end] for start, end in pairwise(edges) if end > start]
