"""Stringify against JavaScript: vectors that JavaScript wrote, and, where node is, whatever hypothesis thinks of."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.ingress.stringify import MOST_VALUES, stringify

# What `JSON.stringify(JSON.parse(text))` of Node 20.20 gives, number by number.
NUMBERS = {
    "0": "0",
    "-0": "0",
    "-0.0": "0",
    "0e5": "0",
    "1.0": "1",
    "-1.50": "-1.5",
    "1e2": "100",
    "1E+2": "100",
    "123.456": "123.456",
    "0.1": "0.1",
    "0.30000000000000004": "0.30000000000000004",
    "0.000001": "0.000001",
    "1e-6": "0.000001",
    "1.5e-6": "0.0000015",
    "1e-7": "1e-7",
    "0.0000001": "1e-7",
    "-1.25e-9": "-1.25e-9",
    "5e-324": "5e-324",
    "1e-400": "0",
    "1e20": "100000000000000000000",
    "1e21": "1e+21",
    "123456789012345680000": "123456789012345680000",
    "999999999999999999999": "1e+21",
    "1000000000000000000000": "1e+21",
    "1.5e300": "1.5e+300",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    "1e400": "null",
    "-1e400": "null",
    "999999999999999": "999999999999999",
    "9007199254740991": "9007199254740991",
    "9007199254740992": "9007199254740992",
    "9007199254740993": "9007199254740992",
    "-9007199254740993": "-9007199254740992",
    "1152921504606846976": "1152921504606847000",
    "18446744073709551616": "18446744073709552000",
    "9223372036854775807": "9223372036854776000",
}
OTHERS = {
    " [ 1 , 2 ]\r\n\t": "[1,2]",
    '{"b":1,"a":2}': '{"b":1,"a":2}',
    '{"b":1,"1":2,"a":3,"0":4}': '{"0":4,"1":2,"b":1,"a":3}',
    '{"10":1,"9":2,"-1":3,"01":4,"1.5":5}': '{"9":2,"10":1,"-1":3,"01":4,"1.5":5}',
    '{"a":1,"4294967295":2,"4294967294":3}': '{"4294967294":3,"a":1,"4294967295":2}',
    '{"a":1,"b":2,"a":3}': '{"a":3,"b":2}',
    '{"a":1,"2":2,"1":3,"2":4}': '{"1":3,"2":4,"a":1}',
    '{"__proto__":{"a":1},"constructor":null}': '{"__proto__":{"a":1},"constructor":null}',
    '{"":{"":[]}}': '{"":{"":[]}}',
    r'"\u0041\/\u002f"': '"A//"',
    r'"\"\\\b\f\n\r\t\u000b\u0000\u001f"': r'"\"\\\b\f\n\r\t\u000b\u0000\u001f"',
    r'"\u007f\u0080\u2028\u2029\ufeff"': '"\x7f\x80\u2028\u2029\ufeff"',
    r'"\ud83d\ude00"': '"😀"',
    r'"\uD83D"': r'"\ud83d"',
    r'"\ude00\ud83d"': r'"\ude00\ud83d"',
    r'{"\udbff":"\udbffx"}': r'{"\udbff":"\udbffx"}',
    "true": "true",
    "null": "null",
}
NO_JSON = ["", " ", "nul", "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "1e", "[1,]", '{"a":1,}', "{a:1}"]
NO_JSON += ["'a'", '"\n"', '"\\x41"', '"\\u12"', "\ufeff1", "1 2", "[", '{"a"}', "\u00a01", "٣"]


@pytest.mark.parametrize(("text", "written"), (NUMBERS | OTHERS).items(), ids=ascii)
def test_json_is_written_as_javascript_writes_it(text: str, written: str) -> None:
    assert stringify(text.encode()) == written.encode()


@pytest.mark.parametrize("text", NO_JSON, ids=ascii)
def test_what_is_no_json_is_not_written(text: str) -> None:
    assert stringify(text.encode()) is None


@pytest.mark.parametrize("body", [b"\xff", b'"\xed\xa0\x80"', b"\x00", "1".encode("utf-16")], ids=repr)
def test_what_is_no_utf_8_is_not_written(body: bytes) -> None:
    assert stringify(body) is None


def test_what_nests_too_deeply_is_not_written() -> None:
    assert stringify(b"[" * 300 + b"]" * 300) == b"[" * 300 + b"]" * 300
    assert stringify(b"[" * 100_000 + b"]" * 100_000) is None
    assert stringify(b"[" * 100_000) is None


@pytest.mark.parametrize("value", [b"1", b"{}", b"[]", b'"a"'])
def test_what_holds_too_many_values_is_not_tried(value: bytes) -> None:
    few, many = (b"[" + b",".join([value] * count) + b"]" for count in (MOST_VALUES // 2 - 1, MOST_VALUES + 1))

    assert stringify(few) == few
    assert stringify(many) is None


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "0." + "1" * 200_000, "1e" + "9" * 200_000, '"' + "\\ud800" * 40_000 + '"']
)
def test_no_number_and_no_text_is_too_long(text: str) -> None:
    assert stringify(text.encode()) is not None


# Any value, against JavaScript itself.

NODE = shutil.which("node")
SCRIPT = """
require('readline').createInterface({input: process.stdin}).on('line', line => {
    const text = Buffer.from(line, 'base64').toString('utf8')
    console.log(Buffer.from(JSON.stringify(JSON.parse(text))).toString('base64'))
})
"""
Javascript = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def javascript() -> Iterator[Javascript]:
    """Start a node that answers each text with what it makes of it."""
    if NODE is None:
        pytest.skip("node is not installed")
    with subprocess.Popen([NODE, "-e", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - the script is ours
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def answer(text: bytes) -> bytes:
            stdin.write(base64.b64encode(text) + b"\n")
            stdin.flush()
            return base64.b64decode(stdout.readline())

        yield answer
        stdin.close()


numbers = st.one_of(
    st.sampled_from(sorted(NUMBERS)),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**30), 10**30).map(str),
    st.builds("{}.{}e{}".format, st.integers(-999, 999), st.integers(0, 10**18), st.integers(-330, 330)),
)
strings = st.text(st.characters(exclude_categories=())).map(json.dumps) | st.text().map(
    lambda text: json.dumps(text, ensure_ascii=False)
)
keys = strings | st.sampled_from(["a", "0", "1", "01", "10", "-1", "4294967294", "4294967295", "__proto__"]).map(
    json.dumps
)


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Write lists, and objects whose keys may come twice."""
    lists = st.lists(inner).map(lambda ones: "[ " + ",\n".join(ones) + "]")
    objects = st.lists(st.builds("{} :{}".format, keys, inner)).map(lambda ones: "{" + ", ".join(ones) + "\t}")
    return lists | objects


texts = st.recursive(numbers | strings | st.sampled_from(["true", "false", "null"]), containers, max_leaves=30)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_any_json_is_written_as_javascript_writes_it(javascript: Javascript, text: str) -> None:
    assert stringify(text.encode()) == javascript(text.encode())


@pytest.mark.parametrize(("text", "written"), (NUMBERS | OTHERS).items(), ids=ascii)
def test_the_vectors_are_javascript_s(javascript: Javascript, text: str, written: str) -> None:
    assert javascript(text.encode()) == written.encode()
