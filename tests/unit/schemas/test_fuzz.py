"""Whatever bytes arrive: decoding ends as an event or as Malformed, routing as a topic or as Malformed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from consumer.apply.decode import decode
from schemas.certificates import CERTIFICATES
from schemas.definitions import row_of
from schemas.events import Event
from schemas.registry import FAMILY_OF, Malformed, Routed, route
from tests.builders import record
from tests.damage import KINDS, damaged

thorough = settings(max_examples=500)

Read = Callable[[bytes], object]


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


@pytest.fixture(scope="module")
def read(say: Callable[[str], None]) -> Iterator[Callable[[Read, bytes], object]]:
    """Read a body, and say in the end how many were read."""
    inputs = 0

    def count_and_read(reader: Read, body: bytes) -> object:
        nonlocal inputs
        inputs += 1
        return reader(body)

    yield count_and_read
    say(f"fuzz: {inputs:,} inputs decoded or routed")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("reader", [_routed, _decoded], ids=["route", "decode"])
def test_any_bytes_end_as_an_answer_or_as_malformed(
    read: Callable[[Read, bytes], object], kind: st.SearchStrategy[bytes], reader: Read
) -> None:
    @thorough
    @given(body=kind)
    def check(body: bytes) -> None:
        read(reader, body)

    check()


@thorough
@given(body=damaged())
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
@given(body=damaged())
def test_the_rows_of_any_event_can_be_written(body: bytes) -> None:
    """Text that Postgres refuses does not get through: no NUL, no half surrogate, no number beyond bigint."""
    event = _decoded(body)
    if event is None:
        return
    described = event if event.snapshot is not None else None
    if event.entity.family is CERTIFICATES:
        row: tuple[Any, ...] = astuple(event.snapshot)
    else:
        row = row_of(event.entity, described, event.deleted_at, described)
    for value in (*row, event.attempt_id, event.data):
        if isinstance(value, str):
            assert "\x00" not in value.encode().decode()
        if isinstance(value, int):
            assert -(2**63) <= value < 2**63
