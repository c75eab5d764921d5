from aiokafka.structs import ConsumerRecord

from consumer.kafka.record import Record
from consumer.worker.trace import MOST, traced

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(*headers: tuple[str, bytes]) -> Record:
    return ConsumerRecord("giftcert.certificates", 0, 0, 0, 0, b"key", b"{}", None, -1, -1, headers)


def test_the_field_is_there_only_if_a_request_was_traced() -> None:
    assert traced([record(), record(("event", b"x"), ("traceparent", b""))]) == {}


def test_a_trace_is_named_once() -> None:
    traces = [record(("traceparent", PARENT.encode()))] * 3
    assert traced([record(), *traces]) == {"traceparents": [PARENT]}


def test_only_the_first_are_named() -> None:
    records = [record(("traceparent", f"00-{number:032x}-00f067aa0ba902b7-01".encode())) for number in range(MOST + 5)]
    assert len(traced(records)["traceparents"]) == MOST


def test_what_is_no_text_is_no_error() -> None:
    assert traced([record(("traceparent", b"\xff"))]) == {"traceparents": ["�"]}
