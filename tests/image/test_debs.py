"""`.deb` files as Debian makes them are read; damaged and hostile ones are refused."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

import pytest

from dcanary.image.debian.package import read_control, unpack
from dcanary.image.errors import PackageProblem
from dcanary.image.tree import Tree
from tests.image.debs import COMPRESS, ar, control, deb, folder, link, member, tar


def unpacked(content: bytes, tmp_path: Path) -> Tree:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    tree = Tree(folder)
    unpack(io.BytesIO(content), "one 1.0-1", tree)
    return tree


@pytest.mark.parametrize("compression", list(COMPRESS))
def test_each_compression_of_debian_is_read(tmp_path: Path, compression: str) -> None:
    members = [
        folder("./usr/bin/"),
        member("./usr/bin/tool", b"#!/bin/sh\n" * 9_999, mode=0o755),
        link("./usr/bin/other", "tool"),
    ]
    content = deb("one", members, compression=compression, Depends="libc6 (>= 2.3)")
    fields = read_control(io.BytesIO(content), "one 1.0-1")
    assert (fields["Package"], fields["Depends"]) == ("one", "libc6 (>= 2.3)")
    tree = unpacked(content, tmp_path)
    assert (tree.root / "usr/bin/other").read_bytes() == b"#!/bin/sh\n" * 9_999
    assert tree.entries["usr/bin/tool"].executable


@pytest.mark.parametrize("compression", list(COMPRESS))
def test_a_package_that_is_cut_off_anywhere_is_refused(tmp_path: Path, compression: str) -> None:
    content = deb("one", [member("./usr/a", bytes(5_000))], compression=compression)
    # The last bytes may only pad the archive.
    for size in range(0, len(content) - 2, max(1, len(content) // 60)):
        try:
            read_control(io.BytesIO(content[:size]), "one 1.0-1")
            tree = unpacked(content[:size], tmp_path)
        except PackageProblem as error:
            assert str(error).startswith("one 1.0-1: ")
        else:
            # An uncompressed archive is whole without the zeros at its end.
            assert compression == "" and tree.entries["usr/a"].size == 5_000


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=["char", "block", "fifo"]
)
def test_devices_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(PackageProblem, match=r"one 1.0-1: ./dev/sda is a device or pipe"):
        unpacked(deb("one", [member("./dev/sda", kind=kind)]), tmp_path)


def test_set_user_id_is_taken_away(tmp_path: Path) -> None:
    tree = unpacked(deb("one", [member("./usr/bin/su", b"x", mode=0o6755)]), tmp_path)
    assert (tree.root / "usr/bin/su").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/passwd", b"x")],
        [member("../../etc/passwd", b"x")],
        [folder("./usr/../../etc")],
        [member("./usr/a", kind=tarfile.LNKTYPE, link="/etc/shadow")],
        [member("./usr/a", kind=tarfile.LNKTYPE, link="../../etc/shadow")],
        [link("./usr/a", ".."), member("./usr/b", kind=tarfile.LNKTYPE, link="usr/a/../../x")],
    ],
)
def test_paths_and_links_that_lead_out_are_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises(PackageProblem, match=r"one 1.0-1: .* (absolute path|leads out)"):
        unpacked(deb("one", members), tmp_path)


def test_a_link_of_one_member_does_not_lead_the_next_one_out(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    members = [link("./usr/way", str(victim)), member("./usr/way/file", b"x")]
    tree = unpacked(deb("one", members), tmp_path)
    assert list(victim.iterdir()) == []
    assert (tree.root / str(victim).lstrip("/") / "file").is_file()


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "this is no .deb file"),
        (b"PK\3\4" + bytes(100), "this is no .deb file"),
        (ar({"debian-binary": b"2.0\n"}), "there is no control.tar"),
        (ar({"control.tar.lzma": b"x"}), "compressed in a way that is not supported"),
        (ar({"control.tar.xz": b"no xz"}), "damaged or cut off"),
        (ar({"control.tar": tar([member("./md5sums", b"")])}), "there is no control file"),
        (ar({"control.tar": tar([member("./control", b"no fields\n")])}), "no list of fields"),
        (ar({"control.tar": tar([member("./control", b"\xff: x\n")])}), "no list of fields"),
    ],
)
def test_what_is_no_package_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(PackageProblem, match=rf"one 1.0-1: .*{said}"):
        read_control(io.BytesIO(content), "one 1.0-1")


def test_a_field_of_several_lines_is_one_field() -> None:
    text = control("one", "1.0-1", Description="short\n long\n .\n more")
    content = ar({"control.tar": tar([member("./control", text)])})
    assert read_control(io.BytesIO(content), "x")["Description"] == "short\nlong\n.\nmore"
