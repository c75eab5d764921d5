"""Damage: webhooks that somebody broke, and bytes that never were one."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.builders import bought, definition, definition_deleted, paid_with

_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, "\x00", "\ud83d", "", "2026-06-01T12:00:00Z"]),
)
_values = st.recursive(
    _leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)
_EXAMPLES = [bought(), paid_with(1), definition(), definition("updated"), definition_deleted()]

_FIELDS = [
    *("shiftLocation", "displayCurrency", "createdAt", "updatedAt", "transactionsPaid", "status", "total", "deleted"),
    *("customerNumber", "certDefId", "accountId", "agencyId", "taxes", "value", "currencyCode", "disabled"),
]

any_bytes = st.binary(max_size=300)
any_json = _values.map(lambda value: json.dumps(value).encode())


@st.composite
def _webhooks(draw: st.DrawFn) -> dict[str, Any]:
    """Give a webhook with an event and an attempt of its own."""
    number = draw(st.uuids())
    body = {**draw(st.sampled_from(_EXAMPLES)), "id": f"event-{number}", "attemptId": f"attempt-{number}"}
    return {**body, "data": dict(body["data"])}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Damage a webhook in one place: replace, remove or add a field of its envelope or of its data."""
    body: dict[str, Any] = draw(_webhooks())
    where = body if draw(st.booleans()) else body["data"]
    name = draw(st.one_of(st.sampled_from(sorted(where)), st.sampled_from(_FIELDS), st.text(max_size=5)))
    if draw(st.booleans()):
        where[name] = draw(_values)
    else:
        where.pop(name, None)
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """Cut a webhook off, or overwrite some of its bytes."""
    whole = bytearray(json.dumps(draw(_webhooks())).encode())
    for _ in range(draw(st.integers(0, 3))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))])


KINDS = {"bytes": any_bytes, "json": any_json, "damaged": damaged(), "cut": cut()}
