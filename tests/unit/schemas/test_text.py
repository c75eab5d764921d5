"""Text: what Postgres cannot hold is replaced, and how deep a message may be is one number."""

import json
import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.registry import Malformed, read, route
from schemas.text import MAX_DEPTH
from tests.builders import bought, encode, webhook
from tests.unit.schemas.reading import LEAST, message, refusal

# Text that no Postgres text can hold.

HALF_SURROGATES = [r"\ud83d", r"\uDE00", r"\ud83d\ud83d", r"\ude00\ud83d", r"\uD83Dx\uDE00"]


@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", *HALF_SURROGATES, r"\ud83d\u0000\ude00"])
def test_a_character_that_postgres_cannot_hold_becomes_a_replacement(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    data = read(body).data

    assert re.fullmatch("[abx]?(\ufffd|x)+b?", json.loads(data)["email"])


@pytest.mark.parametrize(
    "text", [r"\ud83d\ude00", r"\uD83D\uDE00", r"\\u0000", r"\\ud83d", r"\\\\u0000", r"\\", r"\u00e9"]
)
def test_a_text_that_postgres_can_hold_stays_as_it_came(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    data = read(body).data

    assert json.loads(data)["email"] == json.loads(f'"{text}"')


@pytest.mark.parametrize("text", [r"\\\u0000", r"\\\ud83d"])
def test_an_escape_after_an_escaped_backslash_is_still_replaced(text: str) -> None:
    body = encode(webhook("giftcertificate.created", {**LEAST, "email": "TEXT"})).replace(b"TEXT", text.encode())

    assert json.loads(read(body).data)["email"] == "\\\ufffd"


@given(text=st.text(alphabet=st.characters(exclude_characters=["\0"], codec="utf-8")), ascii_only=st.booleans())
def test_any_text_survives_however_it_is_escaped(text: str, *, ascii_only: bool) -> None:
    body = bought(email=text)

    data = read(json.dumps(body, ensure_ascii=ascii_only).encode()).data

    assert json.loads(data)["email"] == text


@given(st.text(alphabet=st.one_of(st.characters(categories=["Cs"]), st.sampled_from("\0\\u0a😀"))))
def test_no_text_that_the_sender_can_write_fails_an_event(text: str) -> None:
    data = read(json.dumps(bought(email=text)).encode()).data

    assert not re.search("[\0\ud800-\udfff]", json.loads(data)["email"])


@pytest.mark.parametrize("field", ["id", "attemptId"])
def test_an_identifier_of_the_envelope_is_never_altered_but_refused(field: str) -> None:
    assert f"$.{field}" in refusal(bought(envelope={field: "a\0b"}))


def test_an_entity_s_identifier_is_never_altered_but_refused() -> None:
    assert "$.data._id" in refusal(json.dumps(bought(_id="a\ud83d")).encode())


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """Write a purchase that is nested so deeply, all told."""
    inner = opening * (levels - 2) + ("1" if opening.endswith(":") else "") + closing * (levels - 2)
    return encode(bought(email="TEXT")).replace(b'"TEXT"', inner.encode())


BRACKETS = [("[", "]"), ('{"":', "}"), ('[{"]":', "}]"), ('{"\\"[":[', "]}")]


def called_deeply(frames: int, body: bytes) -> bool:
    """Tell whether the worker can read a body, and the ingress too, from so deep a call stack."""
    if frames:
        return called_deeply(frames - 1, body)
    reasons = set()
    for reader in (route, read):
        try:
            reader(body)
        except Malformed as error:
            reasons.add(str(error))
        else:
            reasons.add("")
    assert reasons in ({""}, {"Nested too deeply"})
    return reasons == {""}


@pytest.mark.parametrize("frames", [0, 200])
@pytest.mark.parametrize("brackets", BRACKETS, ids=count())
def test_how_deep_a_message_may_be_is_one_number_for_everybody(brackets: tuple[str, str], frames: int) -> None:
    each = 1 if len(brackets[1]) == 1 else 2
    deepest = b"".join([nested((MAX_DEPTH - 2) // each + 2, *brackets)])
    too_deep = nested((MAX_DEPTH - 2) // each + 3, *brackets)

    assert called_deeply(frames, deepest)
    assert not called_deeply(frames, too_deep)


def test_many_brackets_are_not_deep() -> None:
    assert message(bought(taxes=[{"each": []}] * 10_000, description="[" * 10_000)).data.balance == 5_000_000


@pytest.mark.parametrize("levels", [974, 978, 100_000])
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    assert refusal(nested(levels)) == "Nested too deeply"
