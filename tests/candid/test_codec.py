"""The host's Candid codec: round trips, subtyping, opaque values, and hostile bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.candid import Types
from ic.candid import encode as reference_encode

from dcanary.candid import ANY_FUNC, ANY_VALUE, CandidError, Codec, parse_types, record_without

Typed = tuple[str, st.SearchStrategy[Any]]

_LEAVES: list[Typed] = [
    ("null", st.none()),
    ("bool", st.booleans()),
    ("nat", st.integers(min_value=0)),
    ("int", st.integers()),
    ("nat64", st.integers(0, 2**64 - 1)),
    ("int32", st.integers(-(2**31), 2**31 - 1)),
    ("text", st.text()),
    ("principal", st.binary(max_size=29)),
    ("blob", st.binary()),
    ("func (nat) -> () query", st.tuples(st.binary(max_size=29), st.text())),
]


def codec(*kinds: str) -> Codec:
    text = "".join(f"type t{index} = {kind};" for index, kind in enumerate(kinds))
    known = {"any_func": ANY_FUNC, "any_value": ANY_VALUE}
    nodes = parse_types(text, known)
    return Codec([nodes[f"t{index}"] for index in range(len(kinds))], principals_as_bytes=True)


def encode(kinds: list[str], values: list[Any]) -> bytes:
    return codec(*kinds).encode(values)


def decode(kinds: list[str], data: bytes) -> list[Any]:
    return codec(*kinds).decode(data)


def _composite(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    labels = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=4)

    def fields(names: list[str]) -> st.SearchStrategy[list[tuple[str, Typed]]]:
        return st.tuples(*(inner for _ in names)).map(lambda k: list(zip(names, k, strict=True)))

    def _inside(entries: list[tuple[str, Typed]]) -> str:
        return "; ".join(f"{name} : {kind}" for name, (kind, _) in entries)

    def record(entries: list[tuple[str, Typed]]) -> Typed:
        values = st.fixed_dictionaries({name: v for name, (_, v) in entries})
        return f"record {{ {_inside(entries)} }}", values

    def variant(entries: list[tuple[str, Typed]]) -> Typed:
        def case(name: str) -> Callable[[Any], dict[str, Any]]:
            return lambda value: {name: value}

        cases = [values.map(case(name)) for name, (_, values) in entries]
        return f"variant {{ {_inside(entries)} }}", st.one_of(cases)

    def optional(entry: Typed) -> Typed:
        kind, values = entry
        nullable = kind.startswith("opt ") or kind == "null"
        return entry if nullable else (f"opt {kind}", st.none() | values)

    return st.one_of(
        inner.map(optional),
        inner.map(lambda e: (f"vec {e[0]}", st.lists(e[1], max_size=4))),
        labels.flatmap(fields).map(record),
        labels.flatmap(fields).map(variant),
    )


TYPED = st.recursive(st.sampled_from(_LEAVES), _composite, max_leaves=8).flatmap(
    lambda entry: entry[1].map(lambda value: (entry[0], value))
)


@given(st.lists(TYPED, max_size=3))
def test_what_is_encoded_is_decoded(typed: list[tuple[str, Any]]) -> None:
    both = codec(*(kind for kind, _ in typed))
    values = [value for _, value in typed]
    assert both.decode(both.encode(values)) == values


@given(st.binary(max_size=60), TYPED)
def test_hostile_bytes_are_refused_cleanly(data: bytes, typed: tuple[str, Any]) -> None:
    both = codec(typed[0])
    for message in (data, b"DIDL" + data, both.encode([typed[1]])[:-1] + data):
        try:
            both.decode(message)
        except CandidError:
            continue


@given(TYPED)
def test_a_value_of_unknown_type_is_passed_on_as_a_message_of_its_own(
    typed: tuple[str, Any],
) -> None:
    kind, value = typed
    sent = encode(
        [f"record {{ before : text; token : {kind} }}"], [{"before": "x", "token": value}]
    )
    (found,) = decode(["record { token : any_value }"], sent)
    assert decode([kind], found["token"]) == [value]


def test_a_function_of_any_signature_is_read_where_that_is_asked_for() -> None:
    for signature in ("func () -> ()", "func (text, opt nat) -> (vec bool) query"):
        sent = encode([signature], [(b"\x01", "name")])
        assert decode(["any_func"], sent) == [(b"\x01", "name")]
    with pytest.raises(CandidError, match="expected func, got text"):
        decode(["any_func"], encode(["text"], ["name"]))


def test_a_function_of_another_signature_is_refused_otherwise() -> None:
    sent = encode(["func (text) -> () query"], [(b"\x01", "name")])
    assert decode(["opt func (nat) -> () query"], sent) == [None]
    with pytest.raises(CandidError, match="expected func"):
        decode(["func (text) -> ()"], sent)


def test_it_speaks_the_same_bytes_as_another_implementation() -> None:
    theirs = reference_encode(
        [
            {
                "type": Types.Record({"canister_id": Types.Principal, "amount": Types.Nat}),
                "value": {"canister_id": "aaaaa-aa", "amount": 300},
            }
        ]
    )
    kind = "record { canister_id : principal; amount : nat }"
    value = {"canister_id": b"", "amount": 300}
    assert decode([kind], theirs) == [value]
    assert encode([kind], [value]) == theirs


def test_principals_are_given_as_text_or_bytes() -> None:
    nodes = list(parse_types("type it = vec principal").values())
    sent = Codec(nodes).encode([["2vxsx-fae", b"\x04"]])
    assert Codec(nodes).decode(sent) == [["2vxsx-fae", "2vxsx-fae"]]
    assert Codec(nodes, principals_as_bytes=True).decode(sent) == [[b"\x04", b"\x04"]]


def test_missing_optional_fields_and_unknown_fields_are_fine() -> None:
    old = encode(["record { a : nat; gone : vec text }"], [{"a": 1, "gone": ["x"]}])
    assert decode(["record { a : int; new : opt text }"], old) == [{"a": 1, "new": None}]
    with pytest.raises(CandidError, match=r"field new of .* is missing"):
        decode(["record { a : nat; new : text }"], old)
    with pytest.raises(CandidError, match=r"field a of .*: expected text, got nat"):
        decode(["record { a : text }"], old)


def test_an_option_of_another_type_reads_as_none() -> None:
    assert decode(["opt text", "nat"], encode(["opt nat", "nat"], [5, 6])) == [None, 6]
    assert decode(["opt nat"], encode(["nat"], [5])) == [5]
    other = encode(["opt variant { b : text }"], [{"b": "x"}])
    assert decode(["opt variant { a }"], other) == [None]


def test_arguments_may_be_added_and_left_out() -> None:
    assert decode(["nat"], encode(["nat", "text"], [1, "extra"])) == [1]
    assert decode(["nat", "opt text", "reserved"], encode(["nat"], [1])) == [1, None, None]
    with pytest.raises(CandidError, match=r"value 1 .* is missing"):
        decode(["nat", "text"], encode(["nat"], [1]))


def test_a_case_the_reader_does_not_know_is_refused_only_when_it_is_chosen() -> None:
    wider = "variant { install; later : nat }"
    assert decode(["variant { install }"], encode([wider], [{"install": None}])) == [
        {"install": None}
    ]
    with pytest.raises(CandidError, match="has no case"):
        decode(["variant { install }"], encode([wider], [{"later": 1}]))


def test_field_numbers_are_those_of_the_specification() -> None:
    named = encode(["record { status_code : nat; id : nat }"], [{"status_code": 1, "id": 2}])
    assert decode(["record { 3475804314 : nat; 23515 : nat }"], named) == [
        {3475804314: 1, 23515: 2}
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("nat", -1),
        ("nat8", 256),
        ("text", b"x"),
        ("principal", b"x" * 30),
        ("bool", 1),
        ("variant { b }", {"a": 1}),
        ("variant { a; b }", {"a": None, "b": None}),
    ],
)
def test_values_that_do_not_fit_are_refused(kind: str, value: Any) -> None:
    with pytest.raises(CandidError):
        encode([kind], [value])


@pytest.mark.parametrize("kind", ["vec null", "any_value", "reserved"])
def test_a_vector_of_nothing_cannot_exhaust_memory(kind: str) -> None:
    many = b"\xff\xff\xff\xff\x0f"
    # vec null; vec record {}
    for bomb in (b"DIDL\x01\x6d\x7f\x01\x00" + many, b"DIDL\x02\x6d\x01\x6c\x00\x01\x00" + many):
        with pytest.raises(CandidError, match=r"values that take no bytes|got record"):
            decode([kind], bomb)


def test_values_nested_too_deeply_are_refused() -> None:
    bomb = b"DIDL\x01\x6e\x00\x01\x00" + b"\x01" * 5000
    for kind in ("nat", "opt nat", "any_value"):
        with pytest.raises(CandidError):
            decode([kind], bomb)


def test_a_type_that_contains_itself_is_refused() -> None:
    # type 0: record { 0: type 0 }
    for kind in ("any_value", "record { 1 : opt nat }"):
        with pytest.raises(CandidError):
            decode([kind], b"DIDL\x01\x6c\x01\x00\x00\x01\x00")


def test_nested_records_of_no_size_cannot_keep_the_decoder_busy() -> None:
    depth = 60
    table = b"".join(
        b"\x6c\x02\x00" + bytes((index + 1,)) + b"\x01" + bytes((index + 1,))
        for index in range(depth)
    )
    bomb = b"DIDL" + bytes((depth + 1,)) + table + b"\x6c\x00" + b"\x01\x00"
    for kinds in ([], ["opt text"], ["any_value"]):
        with pytest.raises(CandidError, match="values that take no bytes"):
            decode(kinds, bomb)


def test_a_record_without_a_field_is_the_record_that_never_had_it() -> None:
    whole, less = "record { a : nat; b : opt text; c : bool }", "record { a : nat; c : bool }"
    value = {"a": 1, "b": "left out", "c": True}
    (node,) = codec(whole).types
    assert Codec([record_without(node, "b")]).encode([value]) == codec(less).encode([value])
    assert codec(whole).encode([value]) == Codec([node]).encode([value])
    for kind, field in ((whole, "d"), ("variant { b }", "b"), ("text", "b")):
        with pytest.raises(ValueError, match=r"no field|not a record"):
            record_without(codec(kind).types[0], field)


def test_threads_share_a_codec_without_disturbing_each_other() -> None:
    kind = codec("record { key : text; items : vec record {} }")
    count = 60_000  # two such messages exceed what one message may hold
    data = kind.encode([{"key": "k", "items": [{}] * count}])
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert len(kind.decode(data)[0]["items"]) == count
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
