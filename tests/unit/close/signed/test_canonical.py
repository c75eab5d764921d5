"""Canonical JSON: the examples of RFC 8785, and amounts as texts."""

import json

import pytest

from consumer.close.signed.canonical import NotCanonical, amount, canonical, read, units


def test_the_example_of_the_rfc_is_written_as_there() -> None:
    # RFC 8785, sections 3.2.2 to 3.2.4.
    sent = r"""{
       "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
       "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
       "literals": [null, true, false]
     }"""

    assert canonical(json.loads(sent)).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_names_stand_in_the_order_of_their_utf_16() -> None:
    # RFC 8785, section 3.2.3.
    sent = '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}'

    assert list(json.loads(canonical(json.loads(sent)))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


@pytest.mark.parametrize(
    "text", ['{"b":1,"a":2}', '{"a": 1}', '{"a":1.0}', '{"a":1,"a":1}', "{", "", "NaN", '"\\ud800"']
)
def test_bytes_that_are_not_canonical_are_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        read(text.encode())


@pytest.mark.parametrize(
    ("given", "text"),
    [(0, "0.00000"), (1, "0.00001"), (-1, "-0.00001"), (5_000_000, "50.00000"), (-(2**53) + 1, "-90071992547.40991")],
)
def test_amounts_are_texts_with_five_places(given: int, text: str) -> None:
    assert (amount(given), units(text)) == (text, given)
