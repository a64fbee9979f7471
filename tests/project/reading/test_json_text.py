"""JSON as people write it: comments, trailing commas, and the line of every key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.project.reading.json_text import read_json
from dcanary.project.reading.values import MAX_DEPTH, ReadingError, Value


def plain(value: Value) -> Any:
    """A value without its lines."""
    if isinstance(value.inner, dict):
        return {key: plain(inner) for key, inner in value.inner.items()}
    if isinstance(value.inner, list):
        return [plain(inner) for inner in value.inner]
    return value.inner


def test_comments_and_trailing_commas_are_read_and_each_key_has_its_line() -> None:
    root = read_json(
        '// head\n{\n  "a": [1, 2,], /* two\nlines */\n  "b": {"c": "// no comment",},\n}\n'
    )
    assert plain(root) == {"a": [1, 2], "b": {"c": "// no comment"}}
    lines = [found.line for found in (root.get("a"), root.get("b", "c")) if found is not None]
    assert lines == [3, 5]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
        ),
        max_leaves=20,
    ),
    st.sampled_from([None, 1, "\t"]),
)
def test_all_json_is_read_as_the_standard_library_reads_it(value: Any, indent: Any) -> None:
    text = json.dumps(value, indent=indent)
    assert plain(read_json(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "it ends too early"),
        ('{"a": 1\n"b": 2}', 2, "a comma or '}' is missing"),
        ('{\n\n"a" 1}', 3, "a colon is missing after the key 'a'"),
        ("{a: 1}", 1, "a key in double quotes is missing"),
        ('["\\q"]', 1, "unknown escape"),
        ('["never', 1, "without an end"),
        ("[nope]", 1, "unexpected 'nope'"),
        ("{}\n}", 2, "something follows"),
        ("[" * (MAX_DEPTH + 5), 1, "nested deeper"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(ReadingError, match="not valid JSON") as caught:
        read_json(text)
    assert told in str(caught.value)
    assert caught.value.line == line


@given(st.text(alphabet='{}[]",:/*\\ \n1ae-', max_size=60))
def test_garbage_is_an_error_or_a_value_and_nothing_else(text: str) -> None:
    try:
        read_json(text)
    except ReadingError as error:
        assert 1 <= error.line <= text.count("\n") + 1
