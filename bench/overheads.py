"""`python -m bench.overheads [KIND]...`: `dcanary run local` beside the plain tool, for each kind.

Each has a small project of our own; --project KIND=FOLDER measures another one. What cannot be
measured here says what is missing. Below 1: DCanary adds less than it may, see `bench.overhead`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.kinds import KINDS, Kind
from bench.overhead import BUILDS, BuildFailed, Overhead, measure
from dcanary.image import machine
from dcanary.image.standard import standard_locks
from dcanary.image.store import Image

WIDTH = 80
_HEAD = f"{'kind':<11} {'caches':<6} {'dcanary':>8} {'plain':>8} {'may take':>8} {'ratio':>6}"


@dataclass(frozen=True)
class Row:
    """What was measured of a kind; nothing when `missing` says why it was not."""

    kind: str
    found: Sequence[Overhead] = ()
    missing: str = ""

    def lines(self) -> list[str]:
        """One line for each measurement, or one with what is missing."""
        if self.missing:
            room = WIDTH - 12
            said = " ".join(self.missing.split())
            return [f"{self.kind:<11} {said if len(said) <= room else said[: room - 1] + '…'}"]
        return [
            f"{self.kind:<11} {one.kind:<6} {one.dcanary:>7.1f}s {one.plain:>7.1f}s "
            f"{one.allowed:>7.1f}s {one.dcanary / one.allowed:>6.2f}"
            for one in self.found
        ]


def row(kind: Kind, folder: Path | None, cold: bool, builds: int = BUILDS) -> Row:
    """Measure a kind with a project of our own, or that of a folder with a dcanary.yml."""
    if folder is None and not kind.has_project:
        return Row(kind.name, missing=f"not measured: give --project {kind.name}=FOLDER")
    lacking = kind.missing() or _no_image(kind.image)
    if lacking:
        return Row(kind.name, missing=f"not measured: missing {lacking}")
    with tempfile.TemporaryDirectory(prefix="dcanary-bench-") as name:
        project = kind.write(Path(name) / kind.name) if folder is None else folder
        within = _image(kind.image) if kind.image else None
        try:
            return Row(kind.name, measure(project, kind.plain, cold, builds, within))
        except BuildFailed as error:
            print(f"bench: {kind.name}: {error}", file=sys.stderr)
            return Row(kind.name, missing="not measured: a build failed, see above")


def table(rows: Sequence[Row]) -> str:
    """All rows below a head, at most WIDTH columns wide."""
    return "\n".join([_HEAD, *(line for one in rows for line in one.lines())])


def _image(name: str) -> Image | None:
    """A standard image that is built here."""
    lock = standard_locks().get(name)
    return None if lock is None else machine.images().find(lock.digest)


def _no_image(image: str) -> str:
    if not image:
        return ""
    if shutil.which("bwrap") is None:
        return "bwrap, which runs the plain tool of an image"
    return "" if _image(image) else f"the image: dcanary image build {image}"


def _pairs(texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """KIND=VALUE texts. Raises ValueError."""
    found = dict(text.split("=", 1) for text in texts)
    for name in found:
        if name not in names:
            raise ValueError(f"there is no kind {name}: use {', '.join(names)}")
    return found


def _changed(kind: Kind, plain: Mapping[str, str], image: Mapping[str, str]) -> Kind:
    return replace(
        kind,
        plain=plain.get(kind.name, kind.plain),
        image=image.get(kind.name, kind.image),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit code is 1 when a build failed or nothing was measured."""
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(prog="python -m bench.overheads", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(names))
    parser.add_argument("--cold", action="store_true", help="measure with empty caches too")
    parser.add_argument("--builds", type=int, default=BUILDS, help="warm builds of each")
    for option, value in (("project", "FOLDER"), ("plain", "COMMAND"), ("image", "NAME")):
        parser.add_argument(f"--{option}", action="append", default=[], metavar=f"KIND={value}")
    options = parser.parse_args(arguments)
    try:
        projects = _pairs(options.project, names)
        plain, image = _pairs(options.plain, names), _pairs(options.image, names)
        _pairs([f"{name}=" for name in options.kinds], names)
    except ValueError as error:
        parser.error(str(error))
    rows = []
    for kind in KINDS:
        if options.kinds and kind.name not in options.kinds:
            continue
        print(f"bench: {kind.name}", file=sys.stderr)
        folder = Path(projects[kind.name]) if kind.name in projects else None
        rows.append(row(_changed(kind, plain, image), folder, options.cold, options.builds))
    print(table(rows))
    return int(any("failed" in one.missing for one in rows) or not any(one.found for one in rows))


if __name__ == "__main__":
    sys.exit(main())
