"""JSON from outside is parsed within bounds, or refused with a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canisters.webhook.deliveries.payload import PayloadError, parse_object, text_at

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_what_json_dumps_writes_is_read_back(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
    if not any("\ud800" <= letter <= "\udfff" for letter in repr(value)):
        assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=300))
def test_any_bytes_are_an_object_or_a_payload_error(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except PayloadError as error:
        assert str(error)


@given(st.text(alphabet='{}[]",:\\ntfu0e1-', max_size=120))
def test_json_like_text_is_an_object_or_a_payload_error(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda name: 1 // 0)
    except (ValueError, ZeroDivisionError):
        expected = None
    try:
        read = parse_object(text.encode())
    except PayloadError:
        return
    assert read == expected


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_nesting_up_to_the_limit_is_read_and_beyond_it_refused() -> None:
    assert parse_object(nested(64))
    with pytest.raises(PayloadError, match="MAX_JSON_DEPTH"):
        parse_object(nested(65))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_400_000,
        b'{"a":' * 200_000,
        b'{"a":' + b"[" * 700_000 + b"]" * 700_000 + b"}",
        b'{"\\\\":' * 100_000,
    ],
)
def test_a_body_of_brackets_is_refused_without_recursion(body: bytes) -> None:
    with pytest.raises(PayloadError):
        parse_object(body)


def test_a_push_of_two_thousand_commits_is_within_the_bounds() -> None:
    commit = {"id": "x", "author": {"name": "x"}, "added": [], "removed": [], "modified": ["x"]}
    payload = {"commits": [commit] * 2_048}
    assert parse_object(json.dumps(payload).encode()) == payload


def test_brackets_inside_strings_do_not_count() -> None:
    text = "[{" * 500 + '\\"[' * 10 + "\\"
    assert parse_object(json.dumps({"message": text}).encode()) == {"message": text}


def test_escapes_cannot_hide_nesting() -> None:
    body = b'{"a\\\\":' + b"[" * 100 + b"]" * 100 + b"}"
    assert json.loads(body)
    with pytest.raises(PayloadError, match="MAX_JSON_DEPTH"):
        parse_object(body)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not JSON"),
        (b"payload=%7B%7D", "not JSON"),
        (b"[]", "not an object"),
        (b"7", "not an object"),
        (b"null", "not an object"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"x":{"a":1,"\\u0061":2}}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":' + b"9" * 1_000_000 + b"}", "digits"),
        (b'{"a":1.' + b"9" * 1_000_000 + b"}", "digits"),
        (b'{"a":"\t"}', "not JSON"),
        (b"{} {}", "not JSON"),
        (b'{"a":[' + b"{}," * 50_000 + b"{}]}", "MAX_JSON_CONTAINERS"),
    ],
)
def test_what_is_not_one_readable_object_is_refused(body: bytes, what: str) -> None:
    with pytest.raises(PayloadError, match=what):
        parse_object(body)


def test_a_float_beyond_range_does_not_trap() -> None:
    assert parse_object(b'{"a":1e999999}') == {"a": float("inf")}


def test_text_is_taken_only_from_objects_and_only_when_it_is_text() -> None:
    value: dict[str, object] = {"a": {"b": "c", "n": 7}, "l": ["a"]}
    assert text_at(value, "a", "b") == "c"
    assert text_at(value, "a", "n") == ""
    assert text_at(value, "l", "a") == ""
    assert text_at(value, "a") == ""
    assert text_at(value, "a", "b", "c") == ""
