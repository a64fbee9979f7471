"""Names and attributes of archives are not read when they are larger than any real one."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc

import pytest

from dcanary.tar_headers import MAX_EXTENSION_BYTES, BoundedTarInfo

KINDS = [
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
]


def bomb(kind: bytes, size: int, after_a_file: bool) -> bytes:
    """An archive whose extension of `size` zeros takes little room compressed."""
    raw = io.BytesIO()
    with gzip.open(raw, "wb", 9) as file:
        if after_a_file:
            info = tarfile.TarInfo("a")
            info.size = 1
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + b"x".ljust(512, b"\0"))
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = kind, size
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(0, size, 1 << 20):
            file.write(bytes(1 << 20))
    return raw.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after_a_file", [False, True])
@pytest.mark.parametrize("mode", ["r:", "r|"])
def test_a_huge_extension_is_an_error_before_it_is_read(
    kind: bytes, after_a_file: bool, mode: str
) -> None:
    content = io.BytesIO(bomb(kind, 64 << 20, after_a_file))
    tracemalloc.start()
    try:
        with (
            pytest.raises(tarfile.ReadError, match="a name or attributes of 67,108,864 bytes"),
            gzip.open(content) as plain,
            tarfile.open(fileobj=plain, mode=mode, tarinfo=BoundedTarInfo) as archive,  # type: ignore[call-overload]  # modes are literals there
        ):
            archive.getmembers()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_real_archives_are_read(style: int) -> None:
    name = "a/" * 2_000 + "b"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=style) as archive:
        archive.addfile(tarfile.TarInfo(name))
    raw.seek(0)
    with tarfile.open(fileobj=raw, tarinfo=BoundedTarInfo) as archive:
        assert archive.getnames() == [name]
    assert len(name) < MAX_EXTENSION_BYTES


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, *KINDS])
@pytest.mark.parametrize("after_a_file", [False, True])
def test_sizes_below_zero_are_refused(kind: bytes, after_a_file: bool) -> None:
    raw = io.BytesIO()
    if after_a_file:
        raw.write(tarfile.TarInfo("a").tobuf())
    info = tarfile.TarInfo("b")
    info.type, info.size = kind, -512
    raw.write(info.tobuf(tarfile.GNU_FORMAT).ljust(10_000, b"\0"))
    raw.seek(0)
    with (
        pytest.raises(tarfile.ReadError, match="a member of -512 bytes"),
        tarfile.open(fileobj=raw, tarinfo=BoundedTarInfo) as read,
    ):
        read.getnames()


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"size": "-5"}, "a member of -5 bytes"),
        ({"GNU.sparse.map": "a,b"}, "broken number"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, "broken number"),
    ],
)
def test_attributes_with_broken_numbers_are_refused(attributes: dict[str, str], said: str) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = attributes
        archive.addfile(info)
    raw.seek(0)
    with (
        pytest.raises(tarfile.ReadError, match=said),
        tarfile.open(fileobj=raw, tarinfo=BoundedTarInfo) as read,
    ):
        read.getnames()
