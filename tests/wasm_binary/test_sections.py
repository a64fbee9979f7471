from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.sections import Export, Global, Import, Section

imports = st.builds(
    Import,
    st.text(max_size=8),
    st.text(max_size=8),
    st.just(sections.KIND_FUNCTION),
    st.integers(0, 1 << 20).map(lambda index: b"\0" + leb128.encode_unsigned(index)),
)
exports = st.builds(Export, st.text(max_size=8), st.integers(0, 3), st.integers(0, 1 << 20))
globals_ = st.one_of(
    st.builds(
        Global.integer, st.just(sections.I32), st.booleans(), st.integers(-(1 << 31), 2**31 - 1)
    ),
    st.builds(
        Global.integer, st.just(sections.I64), st.booleans(), st.integers(-(1 << 63), 2**63 - 1)
    ),
)


@given(st.lists(imports))
def test_imports_are_read_back_as_written(rows: list[Import]) -> None:
    assert sections.read_imports(sections.write_imports(rows).body) == rows


@given(st.lists(exports))
def test_exports_are_read_back_as_written(rows: list[Export]) -> None:
    assert sections.read_exports(sections.write_exports(rows).body) == rows


@given(st.lists(globals_))
def test_globals_are_read_back_as_written(rows: list[Global]) -> None:
    assert sections.read_globals(sections.write_globals(rows).body) == rows


@given(st.lists(st.builds(Section, st.integers(0, 12), st.binary(max_size=20))))
def test_a_module_is_read_back_as_written(parts: list[Section]) -> None:
    assert list(sections.sections(sections.join(parts))) == parts


def test_a_sum_of_constants_is_folded_and_wraps_at_32_bits() -> None:
    body = b"\x01\x7f\x00" + b"\x41\x7f\x41\x03\x6a" + b"\x41" + leb128.encode_signed(2**31 - 1)
    body += b"\x6a\x0b"  # -1 + 3 + (2^31 - 1)
    assert sections.read_globals(body)[0].value == -(2**31) + 1


def test_an_initialiser_that_is_no_constant_is_refused() -> None:
    (row,) = sections.read_globals(b"\x01\x7f\x00\x23\x00\x0b")
    with pytest.raises(ValueError, match="0x23"):
        row.value  # noqa: B018  # reading it is what is tested


@pytest.mark.parametrize("data", [b"", b"\0asm\x0d\0\1\0", b"MZ"])
def test_other_binaries_than_core_modules_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a WebAssembly core module"):
        list(sections.sections(data))


@given(st.binary(min_size=1, max_size=30))
def test_a_section_that_is_cut_off_is_refused(body: bytes) -> None:
    whole = sections.join([Section(1, body)])
    with pytest.raises(ValueError, match="longer than the module"):
        list(sections.sections(whole[:-1]))


def test_the_reader_does_not_read_over_the_end() -> None:
    with pytest.raises(ValueError, match="ends early"):
        sections.Reader(b"\x05ab").name()
