"""Where packages are downloaded from: the public registries, or the mirrors that this machine uses.

A machine behind a mirror has that in the settings of its own tools, which are read here: apt's
sources, npm's and pip's configuration. What comes from a mirror is compared with the lock like
anything else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dcanary.download.hosts import Hosts
from dcanary.download.registries import NPM, PUBLIC, PYPI, registries_of_this_machine
from dcanary.image.debian.fields import parse_paragraphs

DEBIAN = {
    "debian": "https://deb.debian.org/debian",
    "debian-security": "https://deb.debian.org/debian-security",
}
# Every file that was ever in an archive, by the time at which it was there.
SNAPSHOT = "https://snapshot.debian.org/archive"
_SOURCE_LINE = re.compile(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s")


@dataclass(frozen=True)
class Registries:
    """Base URLs, those of Debian without a slash at the end. `snapshot` is asked for what it has no
    more; empty for not at all."""

    debian: Mapping[str, str] = field(default_factory=lambda: dict(DEBIAN))
    npm: str = NPM
    pypi: str = PYPI
    snapshot: str = SNAPSHOT

    @property
    def hosts(self) -> Hosts:
        """What may be downloaded from: these, whatever addresses they have.

        The operator has set them, or they are the public ones. Files of PyPI are on a host that its
        index names.
        """
        places = (*self.debian.values(), self.npm, self.pypi, self.snapshot, *PUBLIC)
        return Hosts((), [each for each in places if each])


def find_registries(
    environment: Mapping[str, str] = os.environ, root: Path = Path("/"), home: Path | None = None
) -> Registries:
    """The registries of this machine's settings.

    DCANARY_DEBIAN_URL is a folder with `debian` and `debian-security`, for machines without apt;
    DCANARY_DEBIAN_SNAPSHOT is where former states of both are, empty for nowhere.
    """
    packages = registries_of_this_machine(environment, home)
    return Registries(
        debian=_debian(environment, root),
        npm=packages.npm,
        pypi=packages.pypi,
        snapshot=environment.get("DCANARY_DEBIAN_SNAPSHOT", SNAPSHOT),
    )


def _debian(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """Debian's archives: below DCANARY_DEBIAN_URL if that is set, else where apt gets them."""
    if base := environment.get("DCANARY_DEBIAN_URL"):
        return {name: f"{base.rstrip('/')}/{name}" for name in DEBIAN}
    return {**DEBIAN, **_apt(root / "etc" / "apt")}


def _apt(folder: Path) -> dict[str, str]:
    """Archives of Debian in apt's sources; the first one of each counts."""
    found: dict[str, str] = {}
    for url in _apt_urls(folder):
        parts = urlsplit(url)
        name = parts.path.rstrip("/").rpartition("/")[2]
        if parts.scheme in ("http", "https") and name in DEBIAN:
            found.setdefault(name, url.rstrip("/"))
    return found


def _apt_urls(folder: Path) -> Iterator[str]:
    parts = folder / "sources.list.d"
    for file in (folder / "sources.list", *sorted(parts.glob("*.list"))):
        for line in _text(file).splitlines():
            if match := _SOURCE_LINE.match(line.strip()):
                yield match[1]
    for file in sorted(parts.glob("*.sources")):
        lines = [each for each in _text(file).splitlines() if not each.startswith("#")]
        try:
            for paragraph in parse_paragraphs("\n".join(lines)):
                if paragraph.get("Enabled", "yes") == "yes" and "deb" in paragraph.get("Types", ""):
                    yield from paragraph.get("URIs", "").split()
        except ValueError:
            continue  # apt says what is wrong with its files.


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
