"""Whatever bytes arrive: decoding ends as an event or as Malformed, routing as a topic or as Malformed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.decode import decode
from schemas.events import Event, Projection
from schemas.registry import FAMILY_OF, Malformed, Routed, route
from tests.builders import bought, definition, definition_deleted, record

thorough = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, "\x00", "\ud83d", "", "2026-06-01T12:00:00Z"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)
_webhooks = st.sampled_from([bought(), definition(), definition("updated"), definition_deleted()])


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """Damage a webhook in one place: replace, remove or add a field of its envelope or of its data."""
    body: dict[str, Any] = json.loads(json.dumps(draw(_webhooks)))
    where = body if draw(st.booleans()) else body["data"]
    name = draw(st.one_of(st.sampled_from(sorted(where)), st.sampled_from(_FIELDS), st.text(max_size=5)))
    if draw(st.booleans()):
        where[name] = draw(_json)
    else:
        where.pop(name, None)
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


_FIELDS = [
    *("shiftLocation", "displayCurrency", "createdAt", "updatedAt", "transactionsPaid", "status", "total", "deleted"),
    *("customerNumber", "certDefId", "accountId", "agencyId", "taxes", "value", "currencyCode", "disabled"),
]


@st.composite
def _cut(draw: st.DrawFn) -> bytes:
    """Cut a webhook off, or overwrite some of its bytes."""
    whole = bytearray(json.dumps(draw(_webhooks)).encode())
    for _ in range(draw(st.integers(0, 3))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))])


def _routed(body: bytes) -> Routed | None:
    try:
        return route(body)
    except Malformed:
        return None


def _decoded(body: bytes) -> Event | None:
    try:
        return decode(record(body))
    except Malformed:
        return None


@pytest.mark.parametrize(
    "kind", [st.binary(max_size=300), _json.map(lambda v: json.dumps(v).encode()), _damaged(), _cut()]
)
@pytest.mark.parametrize("read", [_routed, _decoded], ids=["route", "decode"])
def test_any_bytes_end_as_an_answer_or_as_malformed(
    kind: st.SearchStrategy[bytes], read: Callable[[bytes], object]
) -> None:
    @thorough
    @given(body=kind)
    def check(body: bytes) -> None:
        read(body)

    check()


@thorough
@given(body=_damaged())
def test_what_the_worker_can_apply_the_ingress_lets_in_under_the_same_name(body: bytes) -> None:
    event = _decoded(body)
    if event is None:
        return
    routed = _routed(body)
    assert routed is not None
    assert routed.key == event.entity.id
    assert routed.topic == FAMILY_OF[event.name].topic
    assert (routed.envelope.attempt_id, routed.envelope.id) == (event.attempt_id, event.order.event_id)
    assert routed.envelope.livemode == event.entity.livemode


@thorough
@given(body=_damaged())
def test_the_rows_of_any_event_can_be_written(body: bytes) -> None:
    """Text that Postgres refuses does not get through: no NUL, no half surrogate, no number beyond bigint."""
    event = _decoded(body)
    if event is None:
        return
    family = event.entity.family
    described = event if event.snapshot is not None else None
    rows = family.rows([event], [Projection(event.entity, described, event.deleted_at)])
    for value in (value for row in rows for value in (*row, event.attempt_id, event.data)):
        if isinstance(value, str):
            assert "\x00" not in value.encode().decode()
        if isinstance(value, int):
            assert -(2**63) <= value < 2**63
