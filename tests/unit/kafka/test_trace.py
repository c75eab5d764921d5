import pytest

from consumer.kafka.trace import traceparent_of, valid_traceparent

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INVALID = {
    "empty": "",
    "nonsense": "nonsense",
    "upper case": TRACEPARENT.upper(),
    "longer": f"{TRACEPARENT}-extra",
    "a line end": f"{TRACEPARENT}\n",
    "shorter": TRACEPARENT[:-1],
    "version ff": f"ff{TRACEPARENT[2:]}",
    "a trace of zeros": f"00-{'0' * 32}-00f067aa0ba902b7-01",
    "a parent of zeros": f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    "other digits": TRACEPARENT.replace("4", "٤"),
}


def test_a_record_says_the_trace_of_its_request() -> None:
    assert traceparent_of([("event", b"x"), ("traceparent", TRACEPARENT.encode())]) == TRACEPARENT


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_what_is_no_trace_is_none(text: str) -> None:
    assert valid_traceparent(text) is None
    assert traceparent_of([("traceparent", text.encode())]) is None


def test_a_record_without_a_trace_or_with_bytes_that_are_no_text_has_none() -> None:
    assert traceparent_of([]) is None
    assert traceparent_of([("traceparent", b"\xff")]) is None
