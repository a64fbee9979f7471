"""Where two modules differ, in sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.difference import MAX_NAMED, module_difference
from dcanary.wasm_binary.sections import HEADER, Section


def module(functions: list[bytes], segments: list[bytes] | None = None, **customs: bytes) -> bytes:
    """A module of these function bodies, passive data segments and custom sections."""
    parts = [Section(sections.CODE, sections.vector([leb128.with_length(f) for f in functions]))]
    if segments is not None:
        data = [b"\x01" + leb128.with_length(each) for each in segments]
        parts.append(Section(sections.DATA, sections.vector(data)))
    parts += [sections.custom(name, content) for name, content in customs.items()]
    return sections.join(parts)


def test_the_same_bytes_do_not_differ() -> None:
    assert module_difference(module([b"a"]), module([b"a"])) == []


def test_a_function_that_differs_is_named() -> None:
    assert module_difference(module([b"same", b"here"]), module([b"same", b"herd"])) == [
        "section code: 11 bytes, differs from byte 10 on",
        "  function 1: 4 bytes, differs from byte 3 on",
    ]


def test_a_function_more_is_named() -> None:
    found = module_difference(module([b"a", b"b"]), module([b"a"]))
    assert found[1:] == ["  function 1: only here"]


def test_a_segment_that_differs_is_named() -> None:
    found = module_difference(module([b"a"], [b"x", b"long"]), module([b"a"], [b"x", b"lon"]))
    assert found == [
        "section data: 10 bytes here, 9 in the other, from byte 5 on",
        "  segment 1: 6 bytes here, 5 in the other, from byte 1 on",
    ]


def test_custom_sections_are_told_apart_by_their_names() -> None:
    ours, theirs = module([b"a"], one=b"1", two=b"2"), module([b"a"], one=b"1", three=b"2")
    assert module_difference(ours, theirs) == [
        "section custom 'two': only here",
        "section custom 'three': only in the other",
    ]


def test_of_many_functions_only_the_first_are_named() -> None:
    ours, theirs = [b"%d" % n for n in range(100)], [b"x"] * 100
    found = module_difference(module(ours), module(theirs))
    assert len(found) == 2 + MAX_NAMED
    assert found[-1] == f"  and {100 - MAX_NAMED} more of 100"


def test_the_order_of_sections_alone_is_told() -> None:
    a, b = sections.custom("a", b"1"), sections.custom("b", b"2")
    assert module_difference(sections.join([a, b]), sections.join([b, a])) == [
        "the same sections in another order or encoding"
    ]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_compared(ours: bytes, theirs: bytes) -> None:
    assert bool(module_difference(HEADER + ours, HEADER + theirs)) == (ours != theirs)
