"""The sender's signature: what proves it, what does not, and what nobody documented but may come."""

import base64
import hashlib
import hmac
import json
import string
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consumer.ingress.signature import Rejection, SignatureError, Verified, sign, verify

NOW = 1_780_315_200
SECRET = "a-signing-key"
KEYS = {"current": SECRET}
BODY = b'{"id":"event-1","data":{"name":"Zo\xc3\xab"}}'


def digest(body: bytes = BODY, *, sent_at: str = str(NOW), secret: str = SECRET) -> bytes:
    """Sign as the sender's documentation says, without any code of ours."""
    return hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).digest()


def header(signature: str, *, sent_at: str = str(NOW)) -> str:
    return f"t={sent_at},s=deprecated,s2={signature}"


def signed(body: bytes = BODY, *, sent_at: str = str(NOW), secret: str = SECRET) -> str:
    return header(digest(body, sent_at=sent_at, secret=secret).hex(), sent_at=sent_at)


def verified(
    value: str | None,
    body: bytes = BODY,
    *,
    keys: dict[str, str] = KEYS,
    now: float = NOW,
    tolerance: float = 300,
    reserialise: bool = True,
) -> Verified:
    return verify(value, body, keys, tolerance=tolerance, now=now, reserialise=reserialise)


def rejection(value: str | None, body: bytes = BODY, *, now: float = NOW, reserialise: bool = True) -> Rejection:
    with pytest.raises(SignatureError) as refused:
        verified(value, body, now=now, reserialise=reserialise)
    return refused.value.rejection


def test_a_signature_in_hex_is_accepted() -> None:
    assert verified(header(digest().hex())) == Verified("current")


def test_a_signature_in_upper_case_hex_is_accepted() -> None:
    assert verified(header(digest().hex().upper())) == Verified("current")


def test_a_signature_in_base64_is_accepted() -> None:
    assert verified(header(base64.b64encode(digest()).decode())) == Verified("current")


# A digest whose base64 has both characters in which the alphabets differ, and padding.
TELLING = next(
    body for number in count() if {"+", "/"} <= set(base64.b64encode(digest(body := b"%d" % number)).decode())
)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["=", ""], ids=["padded", "unpadded"])
def test_a_signature_in_either_base64_is_accepted_with_and_without_padding(
    encode: Callable[[bytes], bytes], padding: str
) -> None:
    encoded = encode(digest(TELLING)).decode().rstrip("=") + padding

    assert verified(header(encoded), TELLING) == Verified("current")


def test_what_sign_writes_is_what_the_sender_documents() -> None:
    assert sign(SECRET, BODY, NOW) == f"t={NOW},s=,s2={digest().hex()}"


def test_what_sign_writes_now_is_accepted_now() -> None:
    value = sign(SECRET, BODY)
    sent_at = int(value.removeprefix("t=").partition(",")[0])

    assert verified(value, now=sent_at) == Verified("current")


@pytest.mark.parametrize("late", [-300, -299, 0, 299, 300])
def test_a_timestamp_within_the_tolerance_is_accepted_before_and_after(late: int) -> None:
    assert verified(signed(), now=NOW + late) == Verified("current")


@pytest.mark.parametrize("late", [-301, 301, 86_400])
def test_a_timestamp_outside_of_the_tolerance_is_refused_before_and_after(late: int) -> None:
    assert rejection(signed(), now=NOW + late) is Rejection.STALE


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_a_timestamp_in_milliseconds_is_read_by_its_magnitude(late: int) -> None:
    assert verified(signed(sent_at=f"{NOW}123"), now=NOW + 0.123 + late) == Verified("current")


@pytest.mark.parametrize("late", [-301, 301])
def test_a_timestamp_in_milliseconds_can_be_too_old_or_too_new(late: int) -> None:
    assert rejection(signed(sent_at=f"{NOW}000"), now=NOW + late) is Rejection.STALE


def test_the_timestamp_is_part_of_what_is_signed() -> None:
    assert rejection(header(digest().hex(), sent_at=str(NOW + 1))) is Rejection.MISMATCH


def test_the_timestamp_is_signed_as_it_was_sent() -> None:
    assert verified(signed(sent_at=f"0{NOW}")) == Verified("current")


@pytest.mark.parametrize("key_id", ["old", "new"])
def test_while_keys_rotate_each_of_them_is_accepted_and_named(key_id: str) -> None:
    keys = {"old": "the-old-secret", "new": "the-new-secret"}

    assert verified(signed(secret=keys[key_id]), keys=keys) == Verified(key_id)


def test_a_key_that_was_taken_away_is_refused() -> None:
    assert rejection(signed(secret="the-old-secret")) is Rejection.MISMATCH


def test_without_any_key_nothing_is_accepted() -> None:
    with pytest.raises(SignatureError):
        verified(signed(), keys={})


def test_the_deprecated_signature_proves_nothing() -> None:
    assert rejection(f"t={NOW},s={digest().hex()},s2={'0' * 64}") is Rejection.MISMATCH


@pytest.mark.parametrize("value", [None, ""])
def test_no_header_is_a_missing_signature(value: str | None) -> None:
    assert rejection(value) is Rejection.MISSING


HEX = digest().hex()


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        ",,,",
        f"t={NOW}",
        f"t={NOW},s2=",
        f"t={NOW},s={HEX}",
        f"s2={HEX}",
        f"t=,s2={HEX}",
        f"t=now,s2={HEX}",
        f"t=-{NOW},s2={HEX}",
        f"t={NOW}.0,s2={HEX}",
        f"t={NOW // 10} {NOW % 10},s2={HEX}",
        f"t=\u0661\u0662\u0663,s2={HEX}",
        f"t={'9' * 21},s2={HEX}",
        f"t={'9' * 5000},s2={HEX}",
        f"t={NOW},s2={'zz' * 32}",
        f"t={NOW},s2={HEX[:-1]}",
        f"t={NOW},s2=not base64!",
        f"t={NOW},s2={HEX},t={NOW}",
        f"t={NOW},s2={'0' * 64},s2={HEX}",
        f"t={NOW},s={'x' * 1024},s2={HEX}",
        f"t={NOW},s2={HEX}" + "," * 30_000,
        f"t={NOW},s2={base64.b64encode(digest()[:31]).decode()}",
        f"t={NOW},s2={base64.b64encode(digest() + b'x').decode()}",
        f"t={NOW},s2={base64.b64encode(digest()).decode()[:-4]}",
        f"t={NOW},s2=Zo\xeb=",
        f"t={NOW},s2=" + 64 * "\xeb",
    ],
    ids=count(),
)
def test_a_header_that_cannot_be_read_is_refused_as_malformed(value: str) -> None:
    assert rejection(value) is Rejection.MALFORMED


def test_the_parts_of_the_header_may_come_in_any_order_with_spaces_and_strangers() -> None:
    assert verified(f"s2={HEX}, v=3 , s=, t={NOW}") == Verified("current")


def test_what_is_said_of_a_refusal_quotes_neither_header_nor_body() -> None:
    with pytest.raises(SignatureError) as refused:
        verified(header("0" * 64))

    assert str(refused.value) == "signature_mismatch"


# What the sender signed, and how it may look on the wire after something on its way wrote the JSON anew.
SENT = '{"id":"event-1","data":{"name":"Zoë Lévesque / 😀","sales":"50% \\"off\\"","price":301000}}'.encode()
ON_THE_WIRE = {
    "as it was signed": SENT,
    "with white space": json.dumps(json.loads(SENT), indent=2, ensure_ascii=False).encode(),
    "with escapes for what is not ASCII": json.dumps(json.loads(SENT), separators=(",", ":")).encode(),
    "with escaped slashes": SENT.replace(b"/", rb"\/"),
    "with other numbers": SENT.replace(b"301000", b"3.01e+5"),
    "with unusual escapes": SENT.replace(b'"id"', rb'"\u0069\u0064"'),
}
REWRITTEN = {name: body for name, body in ON_THE_WIRE.items() if body != SENT}


@pytest.mark.parametrize("body", REWRITTEN.values(), ids=REWRITTEN)
def test_a_body_that_was_written_anew_is_accepted_by_its_compact_form(body: bytes) -> None:
    assert verified(signed(SENT), body) == Verified("current", reserialised=True)


@pytest.mark.parametrize("body", REWRITTEN.values(), ids=REWRITTEN)
def test_a_body_that_was_written_anew_is_refused_where_the_fallback_is_off(body: bytes) -> None:
    assert rejection(signed(SENT), body, reserialise=False) is Rejection.MISMATCH


@pytest.mark.parametrize("body", ON_THE_WIRE.values(), ids=ON_THE_WIRE)
@pytest.mark.parametrize("reserialise", [True, False])
def test_the_bytes_on_the_wire_come_first(body: bytes, *, reserialise: bool) -> None:
    assert verified(signed(body), body, reserialise=reserialise) == Verified("current")


def test_an_intermediary_s_numbers_and_order_of_keys_are_javascript_s_again() -> None:
    sent = b'{"0":1e+21,"10":0.000001,"price":301000,"rate":1.5}'

    assert verified(signed(sent), b'{"price": 301000.0, "10": 1e-06, "rate": 1.50, "0": 1e21}').reserialised


@pytest.mark.parametrize(
    "text",
    ["\b\f\n\r\t", "\x00\x01\x1f", "\x7f\x80\u2028\u2029\ufffe", '"\\/', "<>&'", "é", "\U0001f600"],
    ids=ascii,
)
def test_the_compact_form_escapes_what_json_stringify_escapes(text: str) -> None:
    # Python's json escapes as JSON.stringify does, when it is told to leave what is not ASCII alone.
    stringified = json.dumps({"text": text}, separators=(",", ":"), ensure_ascii=False).encode()
    everything_escaped = '{"text": "' + "".join(utf16_escape(character) for character in text) + '"}'

    assert verified(signed(stringified), everything_escaped.encode()).reserialised


def utf16_escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b'{"half":', b"\xff\xfe", b'{"a":"\xff"}', b"[" * 100_000, b"1e999", rb'"\ud800"'],
    ids=count(),
)
def test_a_body_that_has_no_compact_form_is_refused_as_a_mismatch(body: bytes) -> None:
    assert rejection(header("0" * 64), body) is Rejection.MISMATCH


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xfe"], ids=count())
def test_bytes_that_are_no_json_can_still_be_proven(body: bytes) -> None:
    assert verified(signed(body), body) == Verified("current")


def flipped(original: bytes, bit: int) -> bytes:
    at, bit = divmod(bit % (8 * len(original)), 8)
    return original[:at] + bytes([original[at] ^ 1 << bit]) + original[at + 1 :]


BITS = st.integers(min_value=0, max_value=8 * 4096)


@given(body=st.binary(min_size=1, max_size=200), bit=BITS)
def test_any_flipped_bit_of_the_body_is_refused(body: bytes, bit: int) -> None:
    assert rejection(signed(body), flipped(body, bit)) is Rejection.MISMATCH


@given(name=st.text(max_size=40), bit=BITS)
def test_any_flipped_bit_of_a_json_body_is_refused_unless_it_says_the_same(name: str, bit: int) -> None:
    body = json.dumps({"name": name, "balance": 5_000_000}, separators=(",", ":"), ensure_ascii=False).encode()
    forged = flipped(body, bit)
    with suppress(ValueError):
        assume(json.loads(forged) != json.loads(body))

    assert rejection(signed(body), forged) is Rejection.MISMATCH


@given(body=st.binary(max_size=200), bit=BITS)
def test_any_flipped_bit_of_the_signature_is_refused(body: bytes, bit: int) -> None:
    assert rejection(header(flipped(digest(body), bit).hex()), body) is Rejection.MISMATCH


@given(body=st.binary(max_size=200), secret=st.text(min_size=1), other=st.text(min_size=1))
def test_another_secret_is_refused(body: bytes, secret: str, other: str) -> None:
    # HMAC pads a short key with zero bytes: "k" and "k\0" are one key.
    assume(secret.rstrip("\0") != other.rstrip("\0"))

    with pytest.raises(SignatureError):
        verified(signed(body, secret=secret), body, keys={"other": other})


@given(value=st.text(alphabet=string.printable, max_size=120), body=st.binary(max_size=50))
def test_any_header_is_an_answer_and_never_an_accident(value: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        verified(value, body)


@given(body=st.binary(max_size=200), sent_at=st.integers(min_value=0, max_value=10**11 - 1))
def test_whatever_was_signed_in_time_is_accepted(body: bytes, sent_at: int) -> None:
    assert verified(signed(body, sent_at=str(sent_at)), body, now=sent_at).key_id == "current"
