"""StableBTreeMap: order of keys, limits, types over upgrades, damage, and the space it takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcanary.testing.guest import Guest, TrapSignal
from tests.examples import examples

GUEST = Guest()
KYBRA = GUEST.kybra
QUICK = settings(max_examples=examples(100), deadline=None)

integers = st.integers(-(1 << 200), 1 << 200)
naturals = st.integers(0, 1 << 200)
TRIPLE: Any = tuple.__class_getitem__((str, int, KYBRA.Principal))
OPT_PAIR: Any = tuple.__class_getitem__((KYBRA.Opt[KYBRA.nat], bool))
principals = st.binary(max_size=29).map(KYBRA.Principal)


def in_order(annotation: Any, left: Any, right: Any, expected: bool) -> None:
    """The bytes of two keys compare as the keys do, and read back."""
    encode, decode = GUEST.module("_keys").key_codec(GUEST.type(annotation))
    first, second = encode(left), encode(right)
    assert (first < second) == expected
    assert (first == second) == (left == right)
    assert decode(first) == left
    assert decode(second) == right


@given(integers, integers)
@QUICK
def test_ints_are_ordered_by_value(left: int, right: int) -> None:
    in_order(int, left, right, left < right)


@given(naturals, naturals)
@QUICK
def test_nats_are_ordered_by_value(left: int, right: int) -> None:
    in_order(KYBRA.nat, left, right, left < right)


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-(1 << 31), (1 << 31) - 1))
@QUICK
def test_sized_numbers_are_ordered_by_value(left: int, right: int) -> None:
    in_order(KYBRA.int32, left, right, left < right)
    in_order(KYBRA.nat64, abs(left), abs(right), abs(left) < abs(right))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@QUICK
def test_floats_are_ordered_by_value(left: float, right: float) -> None:
    if left != right:
        in_order(KYBRA.float64, left, right, left < right)


@given(st.text(max_size=9), st.text(max_size=9))
@QUICK
def test_texts_are_ordered_by_code_point(left: str, right: str) -> None:
    in_order(str, left, right, left < right)


@given(st.binary(max_size=9), st.binary(max_size=9))
@QUICK
def test_blobs_are_ordered_by_bytes(left: bytes, right: bytes) -> None:
    in_order(KYBRA.blob, left, right, left < right)


ZEROS = st.text(alphabet=st.sampled_from("\0\1\xffa"), max_size=4)


@given(st.tuples(ZEROS, integers, principals), st.tuples(ZEROS, integers, principals))
@QUICK
def test_tuples_are_ordered_component_by_component(left: Any, right: Any) -> None:
    in_order(TRIPLE, left, right, left < right)


@given(st.lists(ZEROS, max_size=3), st.lists(ZEROS, max_size=3))
@QUICK
def test_vecs_are_ordered_element_by_element(left: Any, right: Any) -> None:
    in_order(list[str], left, right, left < right)


@given(
    st.tuples(st.none() | naturals, st.booleans()), st.tuples(st.none() | naturals, st.booleans())
)
@QUICK
def test_none_comes_first(left: Any, right: Any) -> None:
    def rank(key: Any) -> Any:
        return (key[0] is not None, key[0] or 0, key[1])

    in_order(OPT_PAIR, left, right, rank(left) < rank(right))


def test_records_variants_and_functions_can_be_keys(guest: Guest) -> None:
    main = guest.define(
        "class V(Variant, total=False):\n    A: null\n    B: Vec['V']\n"
        "class R(Record):\n    a: V\n    f: F\n"
        "F = Func(Query[[], void])\n"
    )
    keyed = guest.map(main.R, str)
    function = (guest.kybra.Principal(b"\0\1"), "m")
    keys = [
        {"a": {"B": [{"A": None}, {"B": []}]}, "f": function},
        {"a": {"A": None}, "f": function},
    ]
    for key in keys:
        keyed.insert(key, str(key))
    for key in keys:
        assert keyed.get(key) == str(key)
    assert sorted(map(str, keyed.keys())) == sorted(map(str, keys))


def test_large_values_are_stored_whole_and_their_space_is_used_again(guest: Guest) -> None:
    blobs = guest.map(str, guest.kybra.blob)
    size = 2 << 20
    for round_ in range(4):
        for name in ("a", "b"):
            blobs.insert(name, bytes([round_]) * size)
    assert blobs.get("a") == b"\3" * size
    blobs.remove("a")
    blobs.insert("c", b"c" * size)
    assert blobs.get("b") == b"\3" * size
    # Two values of the size class of 3 MiB, one more while a value is replaced.
    assert len(guest.canister.stable.data) < 10 << 20


def test_a_queue_does_not_grow_without_end(guest: Guest) -> None:
    queue = guest.map(guest.kybra.nat64, str)
    for number in range(3_000):
        queue.insert(number, "x" * 50)
        if number >= 100:
            assert queue.remove(number - 100) == "x" * 50
    assert queue.len() == 100
    assert len(guest.canister.stable.data) < 256 << 10


def test_small_maps_take_little_space(guest: Guest) -> None:
    for memory_id in range(30):
        guest.map(str, str, memory_id).insert("key", "value")
    assert len(guest.canister.stable.data) <= 4 * 65_536


def test_limits_are_those_of_the_candid_encoding(guest: Guest) -> None:
    # DIDL, empty table, one argument, text, length, bytes: 8 bytes more than the text.
    limited = guest.map(str, str, 7, max_key=18, max_value=28)
    limited.insert("k" * 10, "v" * 20)
    error = guest.kybra.Error
    with pytest.raises(error, match=r"key too large .*memory_id=7: 19 bytes, max_key_size is 18"):
        limited.insert("k" * 11, "v")
    with pytest.raises(error, match=r"value too large .*memory_id=7: 29 bytes, max_value_size"):
        limited.insert("k", "v" * 21)
    assert limited.len() == 1


def test_wrong_keys_and_values_are_named(guest: Guest) -> None:
    table = guest.map(guest.kybra.nat, str)
    error = guest.kybra.CandidError
    for key in ("one", None, -1):
        with pytest.raises(error, match="expected nat"):
            table.insert(key, "x")
        with pytest.raises(error, match="expected nat"):
            table.get(key)
    with pytest.raises(error, match="expected text, got int 5"):
        table.insert(1, 5)
    assert table.is_empty()


def test_nothing_is_written_by_reading(guest: Guest) -> None:
    empty = guest.map(str, str)
    assert (empty.get("a"), empty.remove("a"), empty.len()) == (None, None, 0)
    assert (empty.items(), empty.keys(), empty.values()) == ([], [], [])
    assert empty.is_empty() and not empty.contains_key("a")
    assert len(guest.canister.stable.data) == 0


def test_values_are_read_by_the_type_they_have_now(guest: Guest) -> None:
    old = guest.define("class R(Record):\n    name: str\n    gone: nat\n")
    guest.map(str, old.R).insert("a", {"name": "n", "gone": 5})
    later = guest.upgraded()
    new = later.define("class R(Record):\n    name: str\n    added: Opt[nat]\n")
    table = later.map(str, new.R)
    assert table.get("a") == {"name": "n", "added": None}
    table.insert("b", {"name": "m", "added": 1})
    assert table.values() == [{"name": "n", "added": None}, {"name": "m", "added": 1}]
    last = later.upgraded()
    bad = last.define("class R(Record):\n    name: nat\n")
    with pytest.raises(Exception, match=r"memory_id=0 cannot be read as record R: .*field name"):
        last.map(str, bad.R).get("a")


def test_the_type_of_keys_cannot_change(guest: Guest) -> None:
    guest.map(str, str).insert("a", "b")
    later = guest.upgraded()
    with pytest.raises(TrapSignal, match="the keys of memory_id=0 were stored with another type"):
        later.map(later.kybra.nat, str).get(1)


def test_foreign_memory_is_refused_before_it_is_touched(guest: Guest) -> None:
    guest.kybra.ic.stable_grow(1)
    guest.kybra.ic.stable_write(0, b"something of somebody else")
    before = bytes(guest.canister.stable.data)
    table = guest.map(str, str)
    for action, args in ((table.get, ("a",)), (table.insert, ("a", "b"))):
        with pytest.raises(TrapSignal, match="does not begin with the header of StableBTreeMap"):
            action(*args)
    assert bytes(guest.canister.stable.data) == before


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (8, "the end of the blocks"),
        (1024 + 20, "directory entry of memory_id=0 is damaged"),
        (None, "is not a tree node"),
    ],
)
def test_damage_is_found(guest: Guest, offset: int | None, message: str) -> None:
    guest.map(str, str).insert("a", "b")
    entry = guest.module("_runtime").state.stable.entries[0]
    at = entry.root if offset is None else offset
    guest.canister.stable.data[at : at + 8] = b"\xff" * 8
    later = guest.upgraded()
    with pytest.raises(TrapSignal, match=message):
        later.map(str, str).get("a")


def test_a_full_memory_traps_so_that_no_change_is_half_kept(guest: Guest) -> None:
    blobs = guest.map(guest.kybra.nat, guest.kybra.blob)
    with pytest.raises(TrapSignal, match="stable memory cannot grow to"):
        for number in range(100):
            blobs.insert(number, bytes(3 << 20))


def test_size_classes_hold_what_they_are_asked_for() -> None:
    stable = GUEST.module("_stable")
    for size in [*range(1, 5_000), *range(1 << 20, (1 << 20) + 50), 3 << 20, (3 << 20) + 1]:
        number = stable.class_of(size)
        assert stable.class_size(number) >= size
        assert number == 0 or stable.class_size(number - 1) < size


def test_a_lookup_stays_cheap_as_the_map_grows(guest: Guest) -> None:
    reads: list[int] = []
    table = guest.map(str, guest.kybra.nat)
    for number in range(20_000):
        table.insert(f"key {number * 7919 % 20_000}", number)
    read = guest.canister.stable.read

    def counted(offset: int, length: int) -> bytes:
        reads.append(length)
        return read(offset, length)

    guest.canister.stable.read = counted  # type: ignore[method-assign]
    assert table.get("key 7919") == 1
    assert len(reads) <= 3 and max(reads) <= 4_096


def test_schemas_are_found_again_when_nothing_is_cached(guest: Guest) -> None:
    """Blocks are aligned to 32 bytes: schemas of many sizes land on odd multiples of it."""
    stable = guest.module("_stable").created()
    headers = {stable.add_schema(b"DIDL" + bytes(size)): size for size in range(0, 400, 9)}
    stable.schemas.clear()
    for number, size in headers.items():
        assert stable.schema(number) == b"DIDL" + bytes(size)


def test_types_of_every_size_are_found_again_after_an_upgrade(guest: Guest) -> None:
    def maps(of: Guest) -> list[Any]:
        made = []
        for number in range(1, 30):
            fields = "".join(f"    field_{index}: nat\n" for index in range(number))
            main = of.define(f"class R(Record):\n{fields}")
            made.append(of.map(str, main.R, memory_id=number))
        return made

    def value(number: int) -> dict[str, int]:
        return {f"field_{index}": index for index in range(number)}

    for number, table in enumerate(maps(guest), 1):
        table.insert("a", value(number))
    for number, table in enumerate(maps(guest.upgraded()), 1):
        assert table.get("a") == value(number)
