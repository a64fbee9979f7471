"""Makes small `.deb` files, wheels and npm tarballs."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import zstandard

from dcanary.image.lock import DebianPackage, Lock

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "gz": gzip.compress,
    "zst": lambda content: zstandard.ZstdCompressor().compress(content),
    "": lambda content: content,
}


def ar(members: Mapping[str, bytes]) -> bytes:
    """An `ar` archive."""
    made = b"!<arch>\n"
    for name, content in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
        made += head.encode() + content + b"\n" * (len(content) % 2)
    return made


def member(
    name: str,
    content: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    link: str = "",
) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar file."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, link, len(content)
    info.mtime, info.uid = 1_700_000_000, 1234
    return info, content


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=tarfile.DIRTYPE, mode=0o700)


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=tarfile.SYMTYPE, link=target)


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def control(name: str, version: str, **fields: str) -> bytes:
    """The text of a control file."""
    lines = {"Package": name, "Version": version, "Architecture": "amd64", **fields}
    return "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in lines.items()).encode()


def deb(
    name: str,
    members: Iterable[tuple[tarfile.TarInfo, bytes]],
    *,
    version: str = "1.0-1",
    compression: str = "xz",
    **fields: str,
) -> bytes:
    """A package with some files."""
    compress = COMPRESS[compression]
    ending = f".{compression}" if compression else ""
    about = tar([member("./control", control(name, version, **fields))])
    return ar(
        {
            "debian-binary": b"2.0\n",
            f"control.tar{ending}": compress(about),
            f"data.tar{ending}": compress(tar(members)),
        }
    )


@dataclass(frozen=True)
class Pool:
    """Packages as an archive has them: `files` are by the path of a URL."""

    files: dict[str, bytes]
    packages: tuple[DebianPackage, ...]

    @property
    def lock(self) -> Lock:
        return Lock(architecture="amd64", suite="bookworm", debian=self.packages)


def pool(debs: Mapping[str, bytes], version: str = "1.0-1") -> Pool:
    """An archive of packages by name."""
    files = {f"/debian/pool/{name}.deb": content for name, content in debs.items()}
    packages = tuple(
        DebianPackage(
            name, version, "amd64", "debian", f"pool/{name}.deb", len(content), digest(content)
        )
        for name, content in sorted(debs.items())
    )
    return Pool(files, packages)


def tarball(files: Mapping[str, bytes], top: str = "package") -> bytes:
    """An npm package."""
    return gzip.compress(tar(member(f"{top}/{name}", text) for name, text in files.items()))


def wheel(files: Mapping[str, bytes]) -> bytes:
    """A wheel."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()
