"""The binary codec: against itself, against ic-py, and against hostile messages."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ic.candid import Types, decode, encode

from dcanary.testing.guest import Guest
from tests.examples import examples

GUEST = Guest()
KYBRA = GUEST.kybra
TYPES = GUEST.module("_types")
CandidError = KYBRA.CandidError


@dataclass
class Case:
    """A type with a value of it, for this package and for ic-py."""

    annotation: Any
    other_type: Any
    value: Any
    other_value: Any
    to_other: Callable[[Any], Any]
    """From a decoded value of this package to what ic-py decodes."""


def encoder(*annotations: Any) -> Any:
    return GUEST.module("_encode").ArgsEncoder([GUEST.type(each) for each in annotations])


def decoder(*annotations: Any) -> Any:
    return GUEST.module("_decode").ArgsDecoder([GUEST.type(each) for each in annotations])


def record(name: str = "R", /, **fields: Any) -> Any:
    return type(name, (KYBRA.Record,), {"__annotations__": fields, "__module__": "kybra"})


def vec(inner: Any) -> Any:
    return list.__class_getitem__(inner)


def variant(name: str = "V", /, **fields: Any) -> Any:
    return type(name, (KYBRA.Variant,), {"__annotations__": fields, "__module__": "kybra"})


def _same(annotation: Any, other: Any) -> Callable[[Any], Case]:
    return lambda value: Case(annotation, other, value, value, lambda found: found)


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def integers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(low, high), st.sampled_from([low, high, 0, min(127, high), min(128, high)])
    )


def primitive_cases() -> st.SearchStrategy[Case]:
    choices: list[tuple[Any, Any, st.SearchStrategy[Any]]] = [
        (KYBRA.nat, Types.Nat, integers(0, 1 << 130)),
        (int, Types.Int, integers(-(1 << 130), 1 << 130)),
        (str, Types.Text, st.text(max_size=200)),
        (bool, Types.Bool, st.booleans()),
        (KYBRA.null, Types.Null, st.none()),
        (KYBRA.float64, Types.Float64, st.floats(allow_nan=False)),
        (KYBRA.float32, Types.Float32, st.floats(width=32, allow_nan=False).map(_single)),
    ]
    for bits in (8, 16, 32, 64):
        unsigned = getattr(Types, f"Nat{bits}")
        choices.append((getattr(KYBRA, f"nat{bits}"), unsigned, integers(0, (1 << bits) - 1)))
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        choices.append((getattr(KYBRA, f"int{bits}"), getattr(Types, f"Int{bits}"),
                        integers(low, high)))  # fmt: skip
    plain = st.one_of(
        *[values.map(_same(annotation, other)) for annotation, other, values in choices]
    )
    principals = st.binary(max_size=29).map(
        lambda raw: Case(
            KYBRA.Principal, Types.Principal, KYBRA.Principal(raw), raw, lambda value: value.bytes
        )
    )
    blobs = st.binary(max_size=200).map(
        lambda raw: Case(KYBRA.blob, Types.Vec(Types.Nat8), raw, list(raw), list)
    )
    return st.one_of(plain, principals, blobs)


NAMES = st.sampled_from(["a", "name", "from_", "x1", "Größe", "value", "ok", "Err", "class_"])


@st.composite
def compound_cases(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    form = draw(st.sampled_from(["opt", "vec", "record", "variant", "tuple"]))
    one = draw(inner)
    if form == "opt":
        some = draw(st.booleans()) and one.value is not None
        return Case(
            KYBRA.Opt[one.annotation],
            Types.Opt(one.other_type),
            one.value if some else None,
            [one.other_value] if some else [],
            lambda value: [] if value is None else [one.to_other(value)],
        )
    if form == "vec":
        count = draw(st.integers(0, 3))
        as_bytes = one.annotation is KYBRA.nat8
        value = [one.value] * count
        return Case(
            list[one.annotation],  # type: ignore[name-defined]
            Types.Vec(one.other_type),
            bytes(value) if as_bytes else value,
            [one.other_value] * count,
            lambda value: [one.to_other(item) for item in value],
        )
    parts = [one, *draw(st.lists(inner, max_size=3))]
    if form == "tuple":
        return Case(
            tuple[tuple(part.annotation for part in parts)],  # type: ignore[misc]
            Types.Tuple(*[part.other_type for part in parts]),
            tuple(part.value for part in parts),
            tuple(part.other_value for part in parts),
            lambda value: [part.to_other(v) for part, v in zip(parts, value, strict=True)],
        )
    names = draw(st.lists(NAMES, min_size=len(parts), max_size=len(parts), unique=True))
    labels = [name.rstrip("_") for name in names]
    fields = {name: part.annotation for name, part in zip(names, parts, strict=True)}
    others = {label: part.other_type for label, part in zip(labels, parts, strict=True)}
    if form == "record":
        return Case(
            record(**fields),
            Types.Record(others),
            {name: part.value for name, part in zip(names, parts, strict=True)},
            {label: part.other_value for label, part in zip(labels, parts, strict=True)},
            lambda value: {
                label: part.to_other(value[name])
                for name, label, part in zip(names, labels, parts, strict=True)
            },
        )
    return Case(
        variant(**fields),
        Types.Variant(others),
        {names[0]: one.value},
        {labels[0]: one.other_value},
        lambda value: {labels[0]: one.to_other(value[names[0]])},
    )


CASES = st.recursive(primitive_cases(), compound_cases, max_leaves=8)
QUICK = settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))


@given(st.lists(CASES, max_size=3))
@QUICK
def test_what_is_encoded_is_decoded(cases: list[Case]) -> None:
    types = [case.annotation for case in cases]
    data = encoder(*types)([case.value for case in cases])
    assert decoder(*types)(data) == [case.value for case in cases]


@given(CASES)
@QUICK
def test_another_implementation_reads_what_is_encoded(case: Case) -> None:
    data = encoder(case.annotation)([case.value])
    ((found,),) = ([entry["value"] for entry in decode(data, [case.other_type])],)
    assert _plain(found) == case.to_other(case.value)


@given(CASES)
@QUICK
def test_what_another_implementation_encodes_is_read(case: Case) -> None:
    data = encode([{"type": case.other_type, "value": case.other_value}])
    assert decoder(case.annotation)(data) == [case.value]


def _plain(value: Any) -> Any:
    """ic-py's principals as bytes, whatever they are in."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return getattr(value, "bytes", value)


@given(CASES, st.integers(0, 400), st.binary(max_size=4))
@QUICK
def test_a_damaged_message_is_refused_or_read_but_never_breaks(
    case: Case, place: int, junk: bytes
) -> None:
    data = bytearray(encoder(case.annotation)([case.value]))
    place %= len(data)
    data[place : place + len(junk)] = junk
    read = decoder(case.annotation)
    for message in (bytes(data), bytes(data[:place]), bytes(data) + junk):
        with contextlib.suppress(CandidError):
            read(message)
            KYBRA.ic.candid_decode(message)


@given(st.binary(max_size=60))
@settings(max_examples=examples(300), deadline=None)
def test_any_bytes_after_the_magic_are_refused_or_read(tail: bytes) -> None:
    for read in (decoder(KYBRA.nat, str), decoder(KYBRA.Opt[KYBRA.blob])):
        with contextlib.suppress(CandidError):
            read(b"DIDL" + tail)


def test_every_cut_of_a_message_is_refused() -> None:
    both = record(a=str, b=list[int], c=KYBRA.Principal, d=KYBRA.Opt[KYBRA.float64])
    value = {"a": "text", "b": [1, 300, -70_000], "c": KYBRA.Principal(b"abc"), "d": 0.5}
    data = encoder(both)([value])
    for length in range(len(data)):
        with pytest.raises(CandidError):
            decoder(both)(data[:length])


def test_nan_is_carried() -> None:
    (found,) = decoder(KYBRA.float64)(encoder(KYBRA.float64)([math.nan]))
    assert math.isnan(found)


def test_missing_optional_fields_are_none_and_extra_fields_are_skipped() -> None:
    old = record(name=str, gone=list[tuple[str, int]], number=KYBRA.nat)
    new = record(name=str, number=int, added=KYBRA.Opt[str], free=KYBRA.reserved)
    data = encoder(old)([{"name": "n", "gone": [("a", 1), ("b", -1)], "number": 7}])
    expected = {"name": "n", "number": 7, "added": None, "free": None}
    assert decoder(new)(data) == [expected]


def test_a_missing_field_that_is_not_optional_is_named() -> None:
    data = encoder(record(a=int))([{"a": 1}])
    with pytest.raises(CandidError, match=r"field b of record Wanted is missing"):
        decoder(record("Wanted", a=int, b=str))(data)


def test_a_type_mismatch_names_field_and_types() -> None:
    data = encoder(record(a=str))([{"a": "x"}])
    with pytest.raises(CandidError, match=r"field a of record Wanted: expected nat, got text"):
        decoder(record("Wanted", a=KYBRA.nat))(data)


def test_an_option_of_another_type_is_read_as_none() -> None:
    wanted = record(a=KYBRA.Opt[str], b=KYBRA.nat)
    for given_type, value in ((KYBRA.Opt[int], 5), (list[int], [1, 2]), (KYBRA.null, None)):
        data = encoder(record(a=given_type, b=KYBRA.nat))([{"a": value, "b": 9}])
        assert decoder(wanted)(data) == [{"a": None, "b": 9}]


def test_a_plain_value_is_read_as_an_option() -> None:
    data = encoder(str)(["x"])
    assert decoder(KYBRA.Opt[str])(data) == ["x"]


def test_missing_arguments_are_none_and_extra_ones_are_skipped() -> None:
    assert decoder(str, KYBRA.Opt[int])(encoder(str)(["a"])) == ["a", None]
    assert decoder(str)(encoder(str, list[str])(["a", ["b"]])) == ["a"]
    with pytest.raises(CandidError, match=r"value 1 .* is missing"):
        decoder(str, str)(encoder(str)(["a"]))


def test_a_variant_case_that_is_not_known_is_refused_only_when_it_is_sent() -> None:
    wide = variant(A=KYBRA.null, B=str)
    narrow = variant("Narrow", B=str)
    assert decoder(narrow)(encoder(wide)([{"B": "x"}])) == [{"B": "x"}]
    with pytest.raises(CandidError, match="variant Narrow has no case number 65; it has B"):
        decoder(narrow)(encoder(wide)([{"A": None}]))


def test_nat_is_read_as_int_but_not_the_other_way() -> None:
    assert decoder(int)(encoder(KYBRA.nat)([5])) == [5]
    with pytest.raises(CandidError):
        decoder(KYBRA.nat)(encoder(int)([5]))


def test_types_of_later_versions_are_skipped() -> None:
    # Table: future type with opcode -25 and two bytes; record { 1 : future; 2 : nat8 }.
    table = bytes([2, 0x67, 2, 0xAA, 0xBB, 0x6C, 2, 1, 0, 2, 0x7B])
    data = b"DIDL" + table + bytes([1, 1]) + bytes([3, 0]) + b"xyz" + bytes([9])
    wanted = GUEST.module("_types").Record("Wanted")
    wanted.set_fields([TYPES.Field(2, "two", TYPES.PRIMITIVES[TYPES.NAT8])])
    assert GUEST.module("_decode").ArgsDecoder([wanted])(data) == [{"two": 9}]


def _uleb(value: int) -> bytes:
    return bytes(TYPES.uleb(value))


@pytest.mark.parametrize(
    "inner",
    [
        bytes([0x7F]),  # null
        bytes([0x70]),  # reserved
        bytes([1]),  # record {}
    ],
)
@pytest.mark.parametrize("count", [1 << 20, 1 << 60])
def test_a_short_message_cannot_stand_for_a_long_vector(inner: bytes, count: int) -> None:
    table = bytes([2, 0x6D]) + inner + bytes([0x6C, 0])
    data = b"DIDL" + table + bytes([1, 0]) + _uleb(count)
    for read in (decoder(KYBRA.reserved), decoder(), KYBRA.ic.candid_decode):
        with pytest.raises(CandidError):
            read(data)


def test_records_of_nothing_in_a_vector_are_counted_too() -> None:
    # vec record { 0 : nat8; 1 … 100 : null }: each element one byte, a hundred values.
    fields = b"".join([bytes([number, 0x7B if number == 0 else 0x7F]) for number in range(101)])
    table = bytes([2, 0x6D, 1, 0x6C, 101]) + fields
    data = b"DIDL" + table + bytes([1, 0]) + _uleb(5_000) + bytes(5_000)
    with pytest.raises(CandidError, match="take no bytes"):
        decoder(KYBRA.reserved)(data)


def test_a_length_beyond_the_message_is_refused_at_once() -> None:
    data = b"DIDL" + bytes([1, 0x6D, 0x71, 1, 0]) + _uleb(1 << 40)
    with pytest.raises(CandidError, match="ends in the middle"):
        decoder(list[str])(data)


def test_huge_numbers_and_lengths_are_refused() -> None:
    with pytest.raises(CandidError, match="more than 1024 bytes"):
        decoder(KYBRA.nat)(b"DIDL\0\1\x7d" + b"\xff" * 5_000 + b"\1")
    with pytest.raises(CandidError, match="more than 10 bytes"):
        decoder(str)(b"DIDL\0\1\x71" + b"\x80" * 5_000 + b"\0")


def test_deep_nesting_is_refused() -> None:
    # type 0 = opt 0: the value "some some some …"
    data = b"DIDL" + bytes([1, 0x6E, 0, 1, 0]) + b"\1" * 100_000 + b"\0"
    for read in (decoder(KYBRA.reserved), KYBRA.ic.candid_decode):
        with pytest.raises(CandidError, match="nested too deeply"):
            read(data)
    # 1,999 types, each the option of the next.
    chain = b"".join([b"\x6e" + bytes(TYPES.sleb(number + 1)) for number in range(1_998)])
    data = b"DIDL" + _uleb(1_999) + chain + b"\x6e\x7f" + b"\1\0" + b"\0"
    with pytest.raises(CandidError, match="nested too deeply"):
        decoder(KYBRA.reserved)(data)


def test_a_record_that_contains_itself_is_refused() -> None:
    data = b"DIDL" + bytes([1, 0x6C, 1, 0, 0, 1, 0])
    with pytest.raises(CandidError, match="nested too deeply"):
        decoder(KYBRA.reserved)(data)


def test_large_type_tables_are_refused() -> None:
    with pytest.raises(CandidError, match="at most 2000"):
        decoder()(b"DIDL" + _uleb(100_000))
    fields = b"".join([_uleb(number) + b"\x7f" for number in range(30_000)])
    with pytest.raises(CandidError, match="more than 20000"):
        decoder()(b"DIDL\1\x6c" + _uleb(30_000) + fields)


def test_recursive_types_are_encoded_and_decoded() -> None:
    main = GUEST.define(
        "class Tree(Record):\n    value: nat\n    children: Vec['Tree']\n    next: Opt['Tree']\n"
    )
    leaf = {"value": 1, "children": [], "next": None}
    tree = {"value": 2, "children": [leaf, leaf], "next": leaf}
    assert decoder(main.Tree)(encoder(main.Tree)([tree])) == [tree]


def test_functions_and_services_are_references() -> None:
    main = GUEST.define(
        "class Other(Service):\n    @service_query\n    def ask(self, a: str) -> nat: ...\n"
        "Callback = Func(Query[[str], nat])\n"
        "class Both(Record):\n    f: Callback\n    s: Other\n"
    )
    principal = KYBRA.Principal(b"\1\2")
    value = {"f": (principal, "ask"), "s": main.Other(principal)}
    assert decoder(main.Both)(encoder(main.Both)([value])) == [value]


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (record("P", a=record("Q", b=vec(KYBRA.nat8))), {"a": {"b": [1, 256]}},
         r"value\['a'\]\['b'\]\[1\]: expected nat8, got int 256"),
        (record("P", a=str), {}, r"value: the field 'a' of record P is missing"),
        (variant("C", A=KYBRA.null, B=str), {"X": 1}, "exactly one of the cases A, B; given: X"),
        (variant("C", A=KYBRA.null, B=str), {"A": None, "B": ""}, "exactly one of the cases"),
        (KYBRA.nat, -1, "expected nat, got int -1"),
        (str, b"x", "expected text, got bytes b'x'"),
        (list[str], "abc", "expected vec text, got str 'abc'"),
        (bool, 1, "expected bool, got int 1"),
        (KYBRA.Principal, "aaaaa-aa", "expected principal, got str 'aaaaa-aa'"),
        (KYBRA.nat64, 1.5, "expected nat64, got float 1.5"),
        (tuple[str, int], ("a",), r"expected record \{text; int\}, got tuple"),
        (KYBRA.null, 0, "expected null, got int 0"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named_with_its_path(
    annotation: Any, value: Any, message: str
) -> None:
    with pytest.raises(CandidError, match=message):
        encoder(annotation)([value])


def test_the_same_header_is_compiled_once() -> None:
    read = decoder(record(a=KYBRA.Opt[str], b=str))
    data = encoder(record(b=str))([{"b": "x"}])
    first = read(data)
    known = len(read.known)
    assert read(data) == first == [{"a": None, "b": "x"}]
    assert len(read.known) == known == 2
