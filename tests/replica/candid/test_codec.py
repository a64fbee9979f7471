"""The host's Candid codec: round trips, subtyping, and hostile bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.candid import Types
from ic.candid import encode as reference_encode

from dcanary.replica.candid import (
    BLOB,
    BOOL,
    INT,
    INT32,
    NAT,
    NAT8,
    NAT64,
    NULL,
    PRINCIPAL,
    RESERVED,
    TEXT,
    CandidError,
    Func,
    Opt,
    Record,
    Type,
    Variant,
    Vec,
    decode,
    encode,
    tuple_of,
)

_LEAVES: list[tuple[Type, st.SearchStrategy[Any]]] = [
    (NULL, st.none()),
    (BOOL, st.booleans()),
    (NAT, st.integers(min_value=0)),
    (INT, st.integers()),
    (NAT64, st.integers(0, 2**64 - 1)),
    (INT32, st.integers(-(2**31), 2**31 - 1)),
    (TEXT, st.text()),
    (PRINCIPAL, st.binary(max_size=29)),
    (BLOB, st.binary()),
]


def _composite(
    inner: st.SearchStrategy[tuple[Type, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[Type, st.SearchStrategy[Any]]]:
    labels = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=4)

    def fields(names: list[str]) -> st.SearchStrategy[list[tuple[str, Any]]]:
        return st.tuples(*(inner for _ in names)).map(lambda k: list(zip(names, k, strict=True)))

    def record(entries: list[tuple[str, Any]]) -> tuple[Type, st.SearchStrategy[Any]]:
        kind = Record({name: k for name, (k, _) in entries})
        return kind, st.fixed_dictionaries({name: v for name, (_, v) in entries})

    def variant(entries: list[tuple[str, Any]]) -> tuple[Type, st.SearchStrategy[Any]]:
        kind = Variant({name: k for name, (k, _) in entries})
        cases = [v.map(lambda x, n=name: {n: x}) for name, (_, v) in entries]
        return kind, st.one_of(cases)

    def optional(entry: tuple[Type, st.SearchStrategy[Any]]) -> tuple[Type, Any]:
        kind, values = entry
        nullable = isinstance(kind, Opt) or kind is NULL
        return (kind, values) if nullable else (Opt(kind), st.none() | values)

    return st.one_of(
        inner.map(optional),
        inner.map(lambda e: (Vec(e[0]), st.lists(e[1], max_size=4))),
        labels.flatmap(fields).map(record),
        labels.flatmap(fields).map(variant),
    )


TYPED = st.recursive(st.sampled_from(_LEAVES), _composite, max_leaves=8).flatmap(
    lambda entry: entry[1].map(lambda value: (entry[0], value))
)


@given(st.lists(TYPED, max_size=3))
def test_what_is_encoded_is_decoded(typed: list[tuple[Type, Any]]) -> None:
    kinds = [kind for kind, _ in typed]
    values = [value for _, value in typed]
    assert decode(kinds, encode(kinds, values)) == values


@given(st.binary(max_size=60), TYPED)
def test_hostile_bytes_are_refused_cleanly(data: bytes, typed: tuple[Type, Any]) -> None:
    for message in (data, b"DIDL" + data, encode([typed[0]], [typed[1]])[:-1] + data):
        try:
            decode([typed[0]], message)
        except CandidError:
            continue


def test_it_speaks_the_same_bytes_as_another_implementation() -> None:
    theirs = reference_encode(
        [
            {
                "type": Types.Record({"canister_id": Types.Principal, "amount": Types.Nat}),
                "value": {"canister_id": "aaaaa-aa", "amount": 300},
            }
        ]
    )
    kind = Record({"canister_id": PRINCIPAL, "amount": NAT})
    value = {"canister_id": b"", "amount": 300}
    assert decode([kind], theirs) == [value]
    assert encode([kind], [value]) == theirs


def test_missing_optional_fields_and_unknown_fields_are_fine() -> None:
    old = encode([Record({"a": NAT, "gone": Vec(TEXT)})], [{"a": 1, "gone": ["x"]}])
    assert decode([Record({"a": INT, "new": Opt(TEXT)})], old) == [{"a": 1, "new": None}]
    with pytest.raises(CandidError, match="new: missing"):
        decode([Record({"a": NAT, "new": TEXT})], old)
    with pytest.raises(CandidError, match="a: text expected, not nat"):
        decode([Record({"a": TEXT})], old)


def test_an_option_of_another_type_reads_as_none() -> None:
    assert decode([Opt(TEXT), NAT], encode([Opt(NAT), NAT], [5, 6])) == [None, 6]
    assert decode([Opt(NAT)], encode([NAT], [5])) == [5]
    assert decode(
        [Opt(Variant({"a": NULL}))], encode([Opt(Variant({"b": TEXT}))], [{"b": "x"}])
    ) == [None]


def test_arguments_may_be_added_and_left_out() -> None:
    assert decode([NAT], encode([NAT, TEXT], [1, "extra"])) == [1]
    assert decode([NAT, Opt(TEXT), RESERVED], encode([NAT], [1])) == [1, None, None]
    with pytest.raises(CandidError, match="argument 1 is missing"):
        decode([NAT, TEXT], encode([NAT], [1]))


def test_functions_and_tuples() -> None:
    kinds = [Func(query=True), tuple_of(TEXT, NAT8)]
    values = [(b"\x01\x02", "method"), {"0": "a", "1": 7}]
    assert decode(kinds, encode(kinds, values)) == values


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (NAT, -1),
        (NAT8, 256),
        (TEXT, b"x"),
        (PRINCIPAL, b"x" * 30),
        (BOOL, 1),
        (Variant({}), {"a": 1}),
    ],
)
def test_values_that_do_not_fit_are_refused(kind: Type, value: Any) -> None:
    with pytest.raises(CandidError):
        encode([kind], [value])


def test_a_vector_of_nothing_cannot_exhaust_memory() -> None:
    bomb = b"DIDL\x01\x6d\x7f\x01\x00" + b"\xff\xff\xff\xff\x0f"
    with pytest.raises(CandidError, match="vector of"):
        decode([Vec(NULL)], bomb)


def test_values_nested_too_deeply_are_refused() -> None:
    bomb = b"DIDL\x01\x6e\x00\x01\x00" + b"\x01" * 5000
    with pytest.raises(CandidError):
        decode([NAT], bomb)


def test_nested_records_of_no_size_cannot_keep_the_decoder_busy() -> None:
    depth = 60
    table = b"".join(
        b"\x6c\x02\x00" + bytes((index + 1,)) + b"\x01" + bytes((index + 1,))
        for index in range(depth)
    )
    bomb = b"DIDL" + bytes((depth + 1,)) + table + b"\x6c\x00" + b"\x01\x00"
    with pytest.raises(CandidError, match="far more values"):
        decode([], bomb)
    with pytest.raises(CandidError):
        decode([Opt(TEXT)], bomb)
