"""What a sender's answer says of when it may be asked again."""

import pytest

from consumer.sender.client import LONGEST_HOLD, asked_to_wait


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("0", 0), ("7", 7), ("9999999999", LONGEST_HOLD), ("9" * 5000, LONGEST_HOLD), ("-1", 0), ("1.5", 0), ("٣", 0)],
)
def test_retry_after_is_whole_seconds_and_no_more_than_the_longest_wait(retry_after: str, seconds: float) -> None:
    assert asked_to_wait(retry_after) == seconds


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_HOLD),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_may_be_a_date_and_anything_else_says_nothing(retry_after: str, seconds: float) -> None:
    assert asked_to_wait(retry_after) == seconds
