"""Values as text: what is printed can be given back, and what does not fit is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.candid import Types
from ic.candid import encode as reference_encode

from dcanary.candid import CandidError, parse_interface, text
from dcanary.visible import shown

DID = """
type Tree = variant { Leaf; Node : record { Tree; nat } };
type Person = record {
  name : text; age : nat8; "class" : opt text; tags : vec text; photo : blob; owner : principal;
  at : record { float64; int }; how : variant { Fast; Slow : nat64 };
};
service : {
  all : (Person, opt nat, vec nat16, bool, float32, Tree) -> (Person) query;
  blobs : (blob) -> (blob);
  count : (nat, opt text) -> (nat);
  nothing : () -> ();
  call_me : (func (nat) -> () query, service { a : () -> () }, reserved, null) -> ();
}
"""
METHODS = parse_interface(DID).methods


def roundtrip(method: str, values: list[Any]) -> list[Any]:
    """What comes of values that are printed and read again."""
    codec = METHODS[method].arguments
    written = text.format_values(values, codec.types)
    return codec.decode(text.encode_text(written, codec.types))


TREES = st.recursive(
    st.just({"Leaf": None}),
    lambda inner: st.tuples(inner, st.integers(0, 9)).map(lambda pair: {"Node": pair}),
    max_leaves=4,
)
PERSONS = st.fixed_dictionaries(
    {
        "name": st.text(),
        "age": st.integers(0, 255),
        "class": st.none() | st.text(),
        "tags": st.lists(st.text(), max_size=3),
        "photo": st.binary(max_size=40),
        "owner": st.sampled_from(["aaaaa-aa", "2vxsx-fae", "rrkah-fqaaa-aaaaa-aaaaq-cai"]),
        "at": st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers()),
        "how": st.just({"Fast": None}) | st.integers(0, 2**64 - 1).map(lambda n: {"Slow": n}),
    }
)


@given(
    st.tuples(
        PERSONS,
        st.none() | st.integers(0, 2**80),
        st.lists(st.integers(0, 65_535), max_size=4),
        st.booleans(),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        TREES,
    )
)
def test_what_is_printed_can_be_given_back(values: tuple[Any, ...]) -> None:
    assert roundtrip("all", list(values)) == list(values)
    # What is told by the types that are sent alone is all of it, too.
    assert text.untold(METHODS["all"].arguments.encode(list(values))) == ""


@given(st.text())
def test_printed_text_holds_nothing_that_cannot_be_seen(given_text: str) -> None:
    written = text.format_values([5, given_text], METHODS["count"].arguments.types)
    assert shown(written, lambda _: "", "\n") == written
    assert roundtrip("count", [5, given_text]) == [5, given_text]


@pytest.mark.parametrize(
    ("method", "written", "values"),
    [
        ("nothing", "()", []),
        ("nothing", "", []),
        ("count", '(1_000, opt "a")', [1000, "a"]),
        ("count", "(42 : nat, null)", [42, None]),
        ("count", "(7)", [7, None]),
        ("blobs", r'(blob "\00\ffa")', [b"\x00\xffa"]),
        ("blobs", "(vec { 1; 2 : nat8 })", [b"\x01\x02"]),
        ("count", '(0x10, opt "\\u{1f600}")', [16, "😀"]),
    ],
)
def test_the_forms_of_dfx_and_icp_are_taken(method: str, written: str, values: list[Any]) -> None:
    codec = METHODS[method].arguments
    assert codec.decode(text.encode_text(written, codec.types)) == values


@pytest.mark.parametrize(
    ("method", "written", "told"),
    [
        ("count", "(true)", "expected nat, found a value of type bool"),
        ("count", "(-1)", "out of the range of nat"),
        ("count", "(1.5)", "expected nat"),
        ("count", '("1")', "expected nat"),
        ("count", "(1, 2)", "argument 2: expected text"),
        ("count", "(1, null, 3)", "2 arguments are expected, (nat, opt text), and 3 given"),
        ("count", "()", "2 arguments are expected"),
        ("count", "(1", "expected"),
        ("count", "1", "expected '('"),
        ("blobs", '("text")', "expected blob"),
        ("blobs", "(vec { 256 })", "out of the range of nat8"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(method: str, written: str, told: str) -> None:
    with pytest.raises(CandidError) as refused:
        text.encode_text(written, METHODS[method].arguments.types)
    assert told in str(refused.value)


def arguments(**changed: str) -> str:
    person = {
        "name": '"a"',
        "age": "1",
        "class": "null",
        "tags": "vec {}",
        "photo": 'blob ""',
        "owner": 'principal "aaaaa-aa"',
        "at": "record { 1.0; 2 }",
        "how": "variant { Fast }",
        **changed,
    }
    fields = "; ".join(f'"{name}" = {value}' for name, value in person.items() if value)
    return f"(record {{ {fields} }}, null, vec {{}}, true, 1.5, variant {{ Leaf }})"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nmae": '"b"'}, "there is no field nmae; there are: "),
        ({"age": ""}, "the field age"),
        ({"age": "256"}, "out of the range of nat8"),
        ({"at": "record { 1e400; 2 }"}, "1e400 is out of the range of float64"),
        ({"at": "record { -1e999; 2 }"}, "out of the range of float64"),
        ({"how": "variant { Quick }"}, "there is no case Quick; there are: "),
        ({"owner": 'principal "nonsense"'}, "nonsense"),
    ],
)
def test_the_wrong_part_of_a_record_is_named(changed: dict[str, str], told: str) -> None:
    with pytest.raises(CandidError) as refused:
        text.encode_text(arguments(**changed), METHODS["all"].arguments.types)
    assert told in str(refused.value)


def test_infinity_can_be_said_by_its_word() -> None:
    codec = METHODS["all"].arguments
    values = codec.decode(text.encode_text(arguments(at="record { inf; 2 }"), codec.types))
    assert values[0]["at"][0] == float("inf")


def test_a_long_value_has_a_line_for_each_field() -> None:
    person = {
        "name": "a\x1b\u202e",
        "age": 3,
        "class": "x" * 30,
        "tags": ["y" * 50, "z" * 50],
        "photo": b"\x00a",
        "owner": "aaaaa-aa",
        "at": (1.5, -2),
        "how": {"Slow": 1_000_000},
    }
    written = text.format_values([person], METHODS["all"].results.types)
    lines = written.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("(", "  record {", ")")
    assert '    name = "a\\u{1b}\\u{202e}";' in lines
    assert "    how = variant { Slow = 1_000_000 : nat64 };" in lines
    assert '    photo = blob "\\00a";' in lines
    assert "    at = record { 1.5 : float64; -2 : int };" in lines
    assert all(len(line) <= 80 for line in lines)


def test_references_are_written_and_read() -> None:
    codec = METHODS["call_me"].arguments
    written = '(func "aaaaa-aa".go, service "2vxsx-fae", null : reserved, null)'
    assert text.decode_untyped(text.encode_text(written, codec.types)).startswith(
        '(func "aaaaa-aa".go, service "2vxsx-fae"'
    )


def test_without_an_interface_numbers_are_int_and_annotations_count() -> None:
    message = text.encode_untyped('(5, 7 : nat8, "a")')
    reference = reference_encode(
        [
            {"type": Types.Int, "value": 5},
            {"type": Types.Nat8, "value": 7},
            {"type": Types.Text, "value": "a"},
        ]
    )
    assert message == reference
    assert text.decode_untyped(message) == '(5 : int, 7 : nat8, "a")'


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CandidError, match="nested"):
        text.encode_untyped("(" + "opt " * 5_000 + "1)")
