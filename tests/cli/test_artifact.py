"""Agreed files on their way out of a run: where they lie, what interrupts them, what differs."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations import artifact_diff, artifacts
from dcanary.cli.operations.artifacts import Artifact, ArtifactTrouble
from dcanary.cli.operations.verify_response import canister_in
from dcanary.client.errors import ClientError
from dcanary.client.system import SystemConfig
from dcanary.client.transport import NetworkAddress
from dcanary.executor.transfer import CHUNK_BYTES

LARGE = bytes(range(256)) * 9_000  # three chunks


def of(content: bytes, path: str = "build/a.bin", stage: str = "build") -> Artifact:
    return Artifact(stage, path, len(content), hashlib.sha256(content).hexdigest(), True)


class Chunks:
    """Reads chunks of a content; raises when the line is cut before chunk `cut`."""

    def __init__(self, content: bytes, cut: int = 1 << 30) -> None:
        self.content, self.cut = content, cut
        self.read: list[int] = []

    def __call__(self, index: int) -> bytes:
        if index >= self.cut:
            raise ClientError("the line is cut")
        self.read.append(index)
        return self.content[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]


@pytest.mark.parametrize("content", [b"", b"x", LARGE, bytes(CHUNK_BYTES)])
def test_a_file_arrives_whole_under_its_name(tmp_path: Path, content: bytes) -> None:
    file = of(content)
    path = artifacts.place(file, tmp_path / "out")
    assert artifacts.download(Chunks(content), file, path, force=False) == "downloaded"
    assert (tmp_path / "out/build/a.bin").read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["a.bin"]


def test_an_interrupted_download_goes_on_where_it_was(tmp_path: Path) -> None:
    file = of(LARGE)
    path = artifacts.place(file, tmp_path)
    with pytest.raises(ClientError, match="cut"):
        artifacts.download(Chunks(LARGE, cut=2), file, path, force=False)
    assert not path.exists()
    rest = Chunks(LARGE)
    artifacts.download(rest, file, path, force=False)
    assert rest.read == [2]
    assert path.read_bytes() == LARGE


def test_what_lies_in_a_partial_file_is_not_believed(tmp_path: Path) -> None:
    file = of(LARGE)
    path = artifacts.place(file, tmp_path)
    with pytest.raises(ClientError, match="cut"):
        artifacts.download(Chunks(LARGE, cut=2), file, path, force=False)
    (part,) = path.parent.iterdir()
    part.write_bytes(bytes(2 * CHUNK_BYTES))
    with pytest.raises(ArtifactTrouble, match="agreed was"):
        artifacts.download(Chunks(LARGE), file, path, force=False)
    assert list(path.parent.iterdir()) == []
    artifacts.download(Chunks(LARGE), file, path, force=False)
    assert path.read_bytes() == LARGE


def test_wrong_bytes_get_no_name(tmp_path: Path) -> None:
    file = of(b"agreed")
    path = artifacts.place(file, tmp_path)
    with pytest.raises(ArtifactTrouble, match="agreed was"):
        artifacts.download(Chunks(b"others"), file, path, force=False)
    assert list(path.parent.iterdir()) == []


def test_another_file_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    file = of(b"agreed")
    path = artifacts.place(file, tmp_path)
    path.write_bytes(b"mine")
    with pytest.raises(UsageTrouble, match="--force"):
        artifacts.download(Chunks(b"agreed"), file, path, force=False)
    assert path.read_bytes() == b"mine"
    assert artifacts.download(Chunks(b"agreed"), file, path, force=True) == "downloaded"
    reads = Chunks(b"agreed")
    assert artifacts.download(reads, file, path, force=False) == "there"
    assert reads.read == []


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    file = of(b"agreed")
    other = tmp_path / "other"
    other.write_bytes(b"agreed")
    path = artifacts.place(file, tmp_path / "out")
    path.symlink_to(other)
    with pytest.raises(UsageTrouble, match="--force"):
        artifacts.download(Chunks(b"agreed"), file, path, force=False)
    artifacts.download(Chunks(b"agreed"), file, path, force=True)
    assert not path.is_symlink()
    assert path.read_bytes() == b"agreed"


@pytest.mark.parametrize(
    "path",
    ["../a", "a/../../b", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a\nb", "\x1b[2J", ".git/x"],
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageTrouble, match="no path to write to"):
        artifacts.place(of(b"", path), tmp_path / "out")
    assert not list(tmp_path.glob("**/passwd"))


def test_a_folder_that_is_a_link_is_not_gone_through(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/build").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageTrouble, match="is no folder"):
        artifacts.place(of(b""), tmp_path / "out")
    (tmp_path / "out/dist").write_text("a file")
    with pytest.raises(UsageTrouble, match="is no folder"):
        artifacts.place(of(b"", "dist/a"), tmp_path / "out")


def test_files_are_chosen_by_path_folder_and_pattern() -> None:
    found = [of(b"", path) for path in ("dist/a.js", "dist/b/c.js", "app.wasm")]
    assert artifacts.select(found, None) == found
    assert artifacts.select(found, "app.wasm") == [found[2]]
    assert artifacts.select(found, "dist/") == found[:2]
    assert artifacts.select(found, "dist/*.js") == [found[0]]
    for wanted in ("app", "*.did", "../app.wasm"):
        with pytest.raises(UsageTrouble, match="no agreed file that"):
            artifacts.select(found, wanted)
    with pytest.raises(UsageTrouble, match="no agreed files"):
        artifacts.select([], None)


def test_two_stages_that_differ_in_a_path_are_not_mixed() -> None:
    same = [of(b"1", stage="a"), of(b"1", stage="b")]
    assert artifacts.without_clashes(same) == same[:1]
    with pytest.raises(UsageTrouble, match="a and b have different files"):
        artifacts.without_clashes([of(b"1", stage="a"), of(b"2", stage="b")])


def test_an_address_is_a_url_whatever_the_path() -> None:
    config = SystemConfig(
        NetworkAddress("http://127.0.0.1:4943", b""), {"build_executor": "aaaaa-aa"}
    )
    assert artifacts.address(config, "run-1", of(b"", "a b/c?d#e%.js")) == (
        "http://aaaaa-aa.localhost:4943/artifacts/run-1/build/a%20b/c%3Fd%23e%25.js"
    )


def compared(ours: dict[str, bytes], theirs: dict[str, bytes]) -> list[str]:
    def sizes(files: dict[str, bytes]) -> dict[str, tuple[int, str]]:
        return {path: (len(each), hashlib.sha256(each).hexdigest()) for path, each in files.items()}

    found = artifact_diff.differences(
        sizes(ours), sizes(theirs), ours.__getitem__, theirs.__getitem__
    )
    return list(found)


def test_differences_name_the_files_and_where_they_differ() -> None:
    assert compared({"a": b"same"}, {"a": b"same"}) == []
    assert compared({"a": b"12345", "b": b""}, {"a": b"12x45", "c": b""}) == [
        "a: 5 bytes in the first, 5 in the second",
        "  @@ -1 +1 @@",
        "  -12345",
        "  +12x45",
        "b: only in the first",
        "c: only in the second",
    ]


def test_of_texts_the_lines_that_differ_are_shown_and_of_other_files_the_byte() -> None:
    """Of an interface it said that the first difference is at byte 274."""
    before = "".join(f"  m{n} : () -> (nat);\n" for n in range(20))
    shown = artifact_diff.within(before.encode(), before.replace("m9 ", "m9x ").encode())
    assert shown == [
        "@@ -8,5 +8,5 @@",
        "   m7 : () -> (nat);",
        "   m8 : () -> (nat);",
        "-  m9 : () -> (nat);",
        "+  m9x : () -> (nat);",
        "   m10 : () -> (nat);",
        "   m11 : () -> (nat);",
    ]
    long = artifact_diff.within(b"a\n" * 500, b"b\n" * 500)
    assert len(long) == artifact_diff.MAX_LINES + 1
    assert long[-1].endswith("more lines")
    assert artifact_diff.within(b"a\xff", b"a\xfe") == ["the first difference is at byte 1"]
    assert artifact_diff.within(b"a\0", b"b\0") == ["the first difference is at byte 0"]


def module(name: bytes) -> bytes:
    return b"\0asm\1\0\0\0\0" + bytes([2 + len(name), 1]) + b"n" + name


def test_modules_are_compared_by_sections_also_compressed() -> None:
    one, other = module(b"12"), module(b"13")
    for ours, theirs in ((one, other), (gzip.compress(one), gzip.compress(other))):
        lines = compared({"a": ours}, {"a": theirs})
        assert "section custom 'n'" in lines[1]
    again = gzip.compress(one, compresslevel=1, mtime=1), gzip.compress(one, mtime=2)
    assert (
        compared({"a": again[0]}, {"a": again[1]})[1] == "  the same module, compressed otherwise"
    )


def test_a_broken_gzip_file_is_compared_as_bytes() -> None:
    broken = gzip.compress(bytes(1_000))[:-9]
    assert compared({"a": broken}, {"a": broken[:-1] + b"\xff"})[1].startswith("  the first")


def test_a_folder_is_read_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/a.js").write_text("a")
    (tmp_path / "other").write_text("o")
    (tmp_path / "dist/link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list(artifact_diff.files_in(tmp_path, ["dist/"])) == ["dist/a.js"]
    assert sorted(artifact_diff.files_in(tmp_path, None)) == ["dist/a.js", "other"]
    with pytest.raises(UsageTrouble, match="cannot be read"):
        artifact_diff.files_in(tmp_path / "gone", None)


def test_the_canister_of_an_address_is_in_its_host_or_its_query() -> None:
    name = "rrkah-fqaaa-aaaaa-aaaaq-cai"
    assert canister_in(f"https://{name}.icp0.io/a") == name
    assert canister_in(f"http://127.0.0.1:4943/a?canisterId={name}") == name
    for url in ("http://example.org/", "ftp://x/", "nonsense", "http:///a"):
        with pytest.raises(UsageTrouble):
            canister_in(url)
