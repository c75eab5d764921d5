"""The sender's field types: dates with their null form, timestamps of two units, and three ways to say nothing."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from schemas.fields import (
    MAX_IDENTIFIER,
    Blank,
    BzDate,
    Identifier,
    Money,
    currency_code,
    given,
    instant_from_epoch,
    plausible,
    seconds_from_epoch,
)

JUNE = datetime(2021, 6, 15, 21, 54, 49, 506000, tzinfo=UTC)


def date(json: str) -> BzDate:
    return msgspec.json.decode(json, type=BzDate)


@pytest.mark.parametrize(
    "value",
    [
        "2021-06-15T21:54:49.506Z",
        "2021-06-15T21:54:49.506+00:00",
        "2021-06-15T17:54:49.506-04:00",
        "2021-06-15T21:54:49.506000Z",
        "2021-06-15T21:54:49.506",
    ],
)
def test_a_date_is_its_instant_in_utc(value: str) -> None:
    instant = date(f'{{"value":"{value}","offset":0}}').instant()

    assert instant == JUNE
    assert instant.tzinfo is UTC


@pytest.mark.parametrize("offset", ["0", "-240", "840", "null", '""', '"-04:00"', "{}", "1e300"])
def test_the_offset_is_presentation_and_moves_no_instant(offset: str) -> None:
    assert date(f'{{"value":"2021-06-15T21:54:49.506Z","offset":{offset}}}').instant() == JUNE


@pytest.mark.parametrize(
    "json", ['{"value":0,"offset":0}', '{"value":0}', '{"value":""}', '{"value":null}', '{"offset":-240}', "{}"]
)
def test_the_sender_s_null_dates_are_no_instant(json: str) -> None:
    assert date(json).instant() is None


@pytest.mark.parametrize(
    "json",
    [
        *('{"value":0.0}', '{"value":-0.0}', '{"value":"0"}', '{"value":"0.0"}', '{"value":" "}'),
        *('{"value":"\\t\\n"}', '{"value":0e5}'),
    ],
)
def test_what_nearly_is_a_null_date_is_one(json: str) -> None:
    assert date(json).instant() is None


@pytest.mark.parametrize(
    "value",
    [
        '"2021-06-15t21:54:49.506z"',
        '"2021-06-15T21:54:49.506z"',
        '"2021-06-15 21:54:49.506Z"',
        '" 2021-06-15T21:54:49.506Z "',
        '"    20210615T215449.506Z"',  # as long as JavaScript's
        "1623794089506",
        "1623794089506.0",
        '"1623794089506"',
        "1623794089.506",
    ],
)
def test_an_instant_may_be_written_in_small_letters_or_as_a_number(value: str) -> None:
    assert date(f'{{"value":{value}}}').instant() == JUNE


@pytest.mark.parametrize("value", ["true", "false", "[]", "{}", "1e300", "1e400000"])
def test_a_date_that_is_neither_text_nor_time_is_refused(value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        date(f'{{"value":{value}}}')


@pytest.mark.parametrize("value", ["tomorrow", "2021-13-01T00:00:00Z", "2021-06-15T25:00:00Z", "15/06/2021"])
def test_a_text_that_is_no_date_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"^`value` is not an ISO 8601 instant$"):
        date(msgspec.json.encode({"value": value}).decode())


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_instant_that_no_calendar_holds_is_refused(value: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="not an ISO 8601 instant"):
        date(f'{{"value":"{value}"}}')


@for_all(
    st.datetimes(
        min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_any_instant_is_read_as_it_is_whatever_its_zone(instant: datetime) -> None:
    assert date(f'{{"value":"{instant.isoformat()}"}}').instant() == instant


@pytest.mark.parametrize("date", [None, "", BzDate(value=0), BzDate()], ids=repr)
def test_what_says_nothing_is_no_date(date: BzDate | Blank) -> None:
    assert plausible(date, JUNE) is None


@pytest.mark.parametrize(
    ("value", "is_date"),
    [
        ("0001-01-01T00:00:00.000Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("1999-12-31T23:59:59.999999Z", False),
        ("2000-01-01T01:59:59.999999+02:00", False),
        ("2000-01-01T00:00:00Z", True),
        ("2021-06-15T22:54:49.506Z", True),
        ("2021-06-15T22:54:49.506001Z", False),
        ("2062-06-15T21:54:49.506Z", False),
        ("9999-12-31T23:59:59.999999Z", False),
    ],
)
def test_a_date_before_2000_or_an_hour_after_its_event_is_no_date(value: str, *, is_date: bool) -> None:
    date_ = BzDate(value)

    assert plausible(date_, JUNE) == (date_.instant() if is_date else None)


@pytest.mark.parametrize("blank", [None, ""])
def test_null_and_the_empty_text_are_not_given(blank: str | None) -> None:
    assert given(blank) is None


@pytest.mark.parametrize("value", [0, False, [], "0", " "], ids=repr)
def test_what_is_false_but_not_blank_is_given(value: object) -> None:
    assert given(value) is value


@pytest.mark.parametrize(("sent", "read"), [("CAD", "CAD"), (" cad ", "CAD"), ("  ", None), ("", None), (None, None)])
def test_the_code_of_a_currency_is_read_in_capitals_without_blanks(sent: str | None, read: str | None) -> None:
    assert currency_code(sent) == read


@pytest.mark.parametrize("timestamp", [1_623_794_091, 1_623_794_091_000])
def test_created_may_be_seconds_or_milliseconds(timestamp: int) -> None:
    assert instant_from_epoch(timestamp) == datetime(2021, 6, 15, 21, 54, 51, tzinfo=UTC)


def test_milliseconds_keep_their_fraction() -> None:
    assert instant_from_epoch(1_623_794_091_506).microsecond == 506_000


@pytest.mark.parametrize(
    ("timestamp", "year"), [(10**11 - 1, 5138), (10**11, 1973), (-(10**11) + 1, -1198), (-(10**11), 1966), (0, 1970)]
)
def test_from_10_to_the_11_on_a_timestamp_is_milliseconds(timestamp: int, year: int) -> None:
    assert int(1970 + seconds_from_epoch(timestamp) / (365.2425 * 86_400)) == year


@pytest.mark.parametrize("timestamp", [10**18, -(10**18), -(10**11) + 1, 2**63, 10**400])
def test_a_timestamp_that_no_calendar_holds_is_refused_and_not_quoted(timestamp: int) -> None:
    with pytest.raises(ValueError, match="`created` is not a time between the years 1 and 9999"):
        instant_from_epoch(timestamp)


@pytest.mark.parametrize("amount", [-(2**53) + 1, -1, 0, 301_000, 2**53 - 1])
def test_money_is_any_integer_that_javascript_can_say(amount: int) -> None:
    assert msgspec.json.decode(str(amount), type=Money) == amount


@pytest.mark.parametrize(
    "amount", ["9007199254740992", "-9007199254740992", "9223372036854775808", "3.01", "1e5", '"301000"', "true"]
)
def test_money_is_nothing_else(amount: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(amount, type=Money)


@pytest.mark.parametrize("identifier", ["1", "60c921a917bda93f5c896bf4", "é", "a b", "0", "x" * MAX_IDENTIFIER])
def test_an_identifier_is_any_short_text(identifier: str) -> None:
    assert msgspec.convert(identifier, Identifier) == identifier


@pytest.mark.parametrize(
    "identifier", ["", "x" * (MAX_IDENTIFIER + 1), "a\x00b", "a\nb", "\x7f", "a\ufffdb", "\n", "a\n"], ids=ascii
)
def test_an_identifier_is_not_empty_not_long_and_has_no_character_that_storing_would_alter(identifier: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(identifier, Identifier)


@for_all(st.text(alphabet=st.characters(codec="utf-8", exclude_characters=["\ufffd"], exclude_categories=["Cc"])))
def test_the_longest_identifier_fits_an_index_entry_twice(text: str) -> None:
    identifier = (text * MAX_IDENTIFIER)[:MAX_IDENTIFIER] or "x"

    assert len(msgspec.convert(identifier, Identifier).encode()) * 2 <= 2704
