"""Interface texts and values on the host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.candid import Types, decode, encode

from dcanary.candid import CandidError, DidSyntaxError, parse_interface

TEXT = """
// a list of people
type Person = record { name : text; "age in years" : nat16; friend : opt Person; at : principal };
type Answer = variant { Ok : Person; Err : text; none };
service : (text) -> {
  put : (Person, blob) -> (Answer);
  "get all" : () -> (vec Person) query;
  pair : (record { nat; text }) -> (record { nat; text }) composite_query;
  ping : () -> () oneway;
};
"""


def test_methods_modes_and_init_arguments_are_read() -> None:
    found = parse_interface(TEXT)
    assert list(found.methods) == ["put", "get all", "pair", "ping"]
    assert [m.is_query for m in found.methods.values()] == [False, True, True, False]
    assert found.init.decode(found.init.encode(["hello"])) == ["hello"]


def test_records_variants_and_recursive_options_survive() -> None:
    put = parse_interface(TEXT).methods["put"]
    friend = {"name": "Bob", "age in years": 2, "friend": None, "at": "aaaaa-aa"}
    person = {"name": "Al", "age in years": 65535, "friend": friend, "at": "2vxsx-fae"}
    assert put.arguments.decode(put.encode((person, b"\0\xff"))) == [person, b"\0\xff"]
    for answer in ({"Ok": person}, {"Err": "no"}, {"none": None}):
        assert put.decode(put.results.encode([answer])) == [answer]


def test_tuples_are_tuples() -> None:
    pair = parse_interface(TEXT).methods["pair"]
    assert pair.decode(pair.encode(((7, "x"),))) == [(7, "x")]


@given(st.text(), st.integers(min_value=0), st.binary())
def test_ic_py_reads_what_is_written_here(text: str, number: int, blob: bytes) -> None:
    method = parse_interface("service : { f : (text, nat, blob) -> () }").methods["f"]
    data = method.encode((text, number, blob))
    assert [item["value"] for item in decode(data)] == [text, number, list(blob)]
    types = [Types.Text, Types.Nat, Types.Vec(Types.Nat8)]
    theirs = encode(
        [{"type": t, "value": v} for t, v in zip(types, (text, number, list(blob)), strict=True)]
    )
    assert method.arguments.decode(theirs) == [text, number, blob]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"name": "A", "age in years": 70_000, "friend": None, "at": "aaaaa-aa"}, "age in years"),
        ({"name": "A", "age in years": 1, "friend": None, "at": "nonsense"}, "principal"),
        ({"name": "A", "friend": None, "at": "aaaaa-aa"}, "age in years"),
    ],
)
def test_a_value_that_does_not_fit_is_named(value: object, why: str) -> None:
    put = parse_interface(TEXT).methods["put"]
    with pytest.raises(CandidError, match=why):
        put.encode((value, b""))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("service : { f : (text -> () }", "line 1, column 23"),
        ("type A = record { x : B }; service : {}", "B is not defined"),
        ("type A = A; service : { f : (A) -> () }", "A is not defined"),
        ("service : { f : () -> () } trailing", "unexpected 'trailing'"),
        ('import "x.did"; service : {}', "not supported yet"),
        ("service : {", "ends too early"),
        ("service : { f : $ }", "unexpected character"),
    ],
)
def test_a_wrong_interface_text_says_where(text: str, where: str) -> None:
    with pytest.raises(DidSyntaxError, match=where):
        parse_interface(text)


@given(st.text(alphabet='service:{}()->;=record variant opt vec text"\\, \n/*', max_size=60))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    try:
        parse_interface(text)
    except DidSyntaxError:
        return


def test_trailing_or_missing_bytes_are_refused() -> None:
    method = parse_interface("service : { f : (text) -> () }").methods["f"]
    data = method.encode(("hello",))
    for wrong in (data[:-1], data + b"\0", b"", b"DIDL"):
        with pytest.raises(CandidError):
            method.arguments.decode(wrong)
