"""The signed state of a Debian archive, and the index of packages that it vouches for."""

from __future__ import annotations

import email.utils
import hashlib
import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcanary.download.downloader import Downloader
from dcanary.image.debian.fields import parse_paragraphs
from dcanary.image.errors import ImageError, RegistryError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MAX_RELEASE_BYTES = 4 * 1024 * 1024
_MAX_INDEX_BYTES = 64 * 1024 * 1024
_VERIFY_SECONDS = 60

Verify = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Release:
    """A suite of an archive. `moment` is when it was made, as snapshot.debian.org names it."""

    base: str
    suite: str
    moment: str
    hashes: dict[str, tuple[str, int]]


def verify_signature(document: bytes) -> bytes:
    """The text that a key of Debian's archive has signed, without the signature.

    Raises RegistryError for what none has signed, and ImageError without the means to find out.
    """
    program = shutil.which("gpgv")
    if program is None or not KEYRING.is_file():
        what = "gpgv" if program is None else str(KEYRING)
        raise ImageError(
            f"{what} is missing, without which Debian's signatures cannot be checked: run "
            "`apt-get install -y gpgv debian-archive-keyring` as root. Images are built from a "
            "lock without it"
        )
    with tempfile.TemporaryDirectory(prefix="dcanary-release-") as folder:
        signed, plain = Path(folder) / "InRelease", Path(folder) / "Release"
        signed.write_bytes(document)
        done = subprocess.run(
            [program, "--keyring", str(KEYRING), "--output", str(plain), str(signed)],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": folder},
            timeout=_VERIFY_SECONDS,
            check=False,
        )
        # Only what was signed is read: a document may have more before and after.
        if done.returncode != 0 or not plain.is_file():
            said = " ".join(done.stderr.split())
            raise RegistryError(f"no key of Debian's archive has signed it: {said}")
        return plain.read_bytes()


def read_release(
    downloader: Downloader, base: str, suite: str, verify: Verify = verify_signature
) -> Release:
    """The state of a suite. Raises RegistryError, and ImageError when it cannot be verified."""
    url = f"{base}/dists/{suite}/InRelease"
    document = downloader.read(url, _MAX_RELEASE_BYTES, "*/*")
    try:
        fields = next(parse_paragraphs(verify(document).decode()))
        hashes = {
            name: (sha256, int(size))
            for sha256, size, name in (
                line.split() for line in fields["SHA256"].split("\n") if line
            )
        }
        moment = email.utils.parsedate_to_datetime(fields["Date"]).strftime("%Y%m%dT%H%M%SZ")
    except RegistryError as error:
        raise RegistryError(f"{url}: {error}") from error
    except (ValueError, KeyError, StopIteration) as error:
        raise RegistryError(f"{url}: is not a release of a Debian archive: {error}") from error
    if suite not in (fields.get("Codename"), fields.get("Suite")):
        raise RegistryError(f"{url}: is the release of {fields.get('Codename')}")
    return Release(base, suite, moment, hashes)


def read_index(
    downloader: Downloader, release: Release, architecture: str, component: str = "main"
) -> list[dict[str, str]]:
    """Fields of all packages for an architecture. Raises RegistryError."""
    name = f"{component}/binary-{architecture}/Packages.xz"
    where = f"{release.base} {release.suite}: {name}"
    if name not in release.hashes:
        raise RegistryError(f"{where}: is not in the release")
    sha256, size = release.hashes[name]
    folder = f"{release.base}/dists/{release.suite}/{name.rpartition('/')[0]}"
    # By its hash and not by its name: the archive may be at the next state by now.
    url = f"{folder}/by-hash/SHA256/{sha256}"
    content = downloader.read(url, min(size, _MAX_INDEX_BYTES), "*/*")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RegistryError(f"{where}: is not the file that the signed release names")
    try:
        return list(parse_paragraphs(lzma.decompress(content).decode()))
    except (lzma.LZMAError, ValueError) as error:
        raise RegistryError(f"{where}: cannot be read: {error}") from error
