"""The file with the port of the last run: whatever is changed in it is found."""

from __future__ import annotations

import pytest

from dcanary.replica.network.last_port import decode, encode


@pytest.mark.parametrize("port", [1, 80, 45_993, 65_535])
def test_the_port_is_read_back(port: int) -> None:
    assert decode(encode(port)) == port
    assert decode(f"{port}\n".encode()) == port


def test_any_changed_byte_is_found() -> None:
    written = encode(45_993)
    for at in range(len(written)):
        for value in set(range(256)) - {written[at]}:
            with pytest.raises(ValueError, match="it says"):
                decode(written[:at] + bytes([value]) + written[at + 1 :])


def test_any_cut_is_found() -> None:
    for written in (encode(45_993), b"45993\n"):
        for size in range(len(written)):
            with pytest.raises(ValueError, match="it says"):
                decode(written[:size])


@pytest.mark.parametrize("content", [b"0\n", b"99999\n", b"080\n", b"80", encode(0), b"80\n\n"])
def test_what_is_no_port_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="it says"):
        decode(content)
