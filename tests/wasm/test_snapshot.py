from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcanary.wasm import _snapshot
from dcanary.wasm_binary.sections import Reader

pieces = st.one_of(st.binary(max_size=60), st.integers(0, 100).map(bytes))


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_the_segments_restore_the_memory_they_were_made_from(memory: bytes) -> None:
    count, body = _snapshot.data_section(memory)
    restored = bytearray(len(memory))
    reader = Reader(body)
    assert reader.unsigned() == count
    for _ in range(count):
        assert reader.take(2) == b"\0\x41"
        offset = reader.signed()
        assert reader.take(1) == b"\x0b"
        content = reader.take(reader.unsigned())
        restored[offset : offset + len(content)] = content
    assert bytes(restored) == memory
    assert reader.at == len(body)


def test_long_runs_of_zeros_are_left_out() -> None:
    count, body = _snapshot.data_section(bytes(1 << 20) + b"x" + bytes(1 << 20) + b"y")
    assert count == 2
    assert len(body) < 40
