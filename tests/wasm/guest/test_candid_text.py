"""Candid as text: ic.candid_encode and ic.candid_decode."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ic.candid import Types, encode

from dcanary.testing.guest import Guest
from tests.examples import examples

GUEST = Guest()
IC = GUEST.kybra.ic
CandidError = GUEST.kybra.CandidError


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("(42)", Types.Int, 42),
        ("(-42 : int8)", Types.Int8, -42),
        ("(1_000 : nat)", Types.Nat, 1000),
        ("(0xff : nat8)", Types.Nat8, 255),
        ('("a\\n\\u{e9}\\41")', Types.Text, "a\n\u00e9A"),
        ("(true)", Types.Bool, True),
        ("(1.5)", Types.Float64, 1.5),
        ("(3 : float64)", Types.Float64, 3.0),
        ("(null)", Types.Null, None),
        ("(opt 5)", Types.Opt(Types.Int), [5]),
        ("(vec { 1 : nat; 2 : nat })", Types.Vec(Types.Nat), [1, 2]),
        ("(vec { 1; 2 } : vec nat16)", Types.Vec(Types.Nat16), [1, 2]),
        ('(blob "a\\ff")', Types.Vec(Types.Nat8), [97, 255]),
        ('(record { "int" = 42; b = "x"; })', Types.Record({"int": Types.Int, "b": Types.Text}),
         {"int": 42, "b": "x"}),
        ('(record { 1; "x" })', Types.Tuple(Types.Int, Types.Text), (1, "x")),
        ("(variant { Medium })", Types.Variant({"Medium": Types.Null}), {"Medium": None}),
        ('(principal "2vxsx-fae")', Types.Principal, "2vxsx-fae"),
        ("( /* a */ 1 // b\n)", Types.Int, 1),
    ],
)  # fmt: skip
def test_texts_are_encoded_as_by_another_implementation(text: str, kind: Any, value: Any) -> None:
    assert IC.candid_encode(text) == encode([{"type": kind, "value": value}])


@pytest.mark.parametrize(
    "text",
    [
        "()",
        '(42 : nat64, "a", true, null, 1.5 : float64)',
        "(opt (5 : int), opt opt true)",
        'record { 97 = 1 : nat; 98 = "x" }',
        'record { 1 : int; "x" }',
        'vec { "a"; "b" }',
        "variant { 65 }",
        "variant { 65 = 1_000_000 : nat32 }",
        'principal "aaaaa-aa"',
        'service "aaaaa-aa"',
        'func "aaaaa-aa".method',
        'blob "\\00a\\ff"',
        "vec {}",
        "record {}",
        "vec { null; opt (1 : nat) }",
    ],
)
def test_what_is_printed_reads_back(text: str) -> None:
    text = text if text.startswith("(") else f"({text})"
    assert IC.candid_decode(IC.candid_encode(text)) == text


def test_types_may_be_written_out() -> None:
    text = (
        "(record { a = 1 } : record { a : nat; b : opt text }, "
        "variant { A } : variant { A; B : record { nat; text } }, "
        'func "aaaaa-aa".f : func (nat, x : text) -> () query, '
        'service "aaaaa-aa" : service { f : (nat) -> (text) })'
    )
    assert IC.candid_decode(IC.candid_encode(text)) == (
        "(record { 97 = 1 : nat; 98 = null }, variant { 65 }, "
        'func "aaaaa-aa".f, service "aaaaa-aa")'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected '\('"),
        ("(", "expected a value, found the end"),
        ("(x)", "'x' is not a Candid value"),
        ("(1 : number)", "'number' is not a Candid type"),
        ("(1) 2", "expected the end"),
        ("(300 : nat8)", "300 is out of the range of nat8"),
        ("(-1 : nat)", "-1 is out of the range of nat"),
        ('("a" : nat)', "expected nat, found a value of type text"),
        ('(vec { 1; "a" })', "the elements of a vec have one type"),
        ('("\\q")', r"unknown escape \\q"),
        ('("\\ff")', "a text is not UTF-8"),
        ("(record { a = 1; a = 2 })", "the field a is there twice"),
        ('(principal "aaaaa")', "not a principal"),
        ("(" + "opt " * 500 + "1)", "nested more than 100 deep"),
        ("(\n\n  1 ?)", "cannot read"),
        ("(\n\n  1 1)", "line 3: expected"),
    ],
)
def test_wrong_texts_are_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(CandidError, match=message):
        IC.candid_encode(text)


@given(st.text(alphabet='(){};:=,."\\ 019-+eopt vec record blob nat8\n', max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_any_text_is_encoded_or_refused(text: str) -> None:
    try:
        data = IC.candid_encode(text)
    except CandidError:
        return
    IC.candid_decode(data)


def test_other_values_than_text_and_blob_are_type_errors() -> None:
    with pytest.raises(TypeError):
        IC.candid_encode(b"(1)")
    with pytest.raises(TypeError):
        IC.candid_decode("DIDL")
