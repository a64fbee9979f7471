"""All kinds of layouts, and the folder that they make together."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from dcanary.download.room import room_in
from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.cargo import CargoLayout
from dcanary.fetch.layout.folder import Folder, LayoutError, Manifest, read_manifest
from dcanary.fetch.layout.mops import MopsLayout
from dcanary.fetch.layout.npm import NpmLayout
from dcanary.fetch.layout.pnpm import PnpmLayout
from dcanary.fetch.layout.pypi import PypiLayout
from dcanary.fetch.layout.urls import UrlsLayout
from dcanary.fetch.layout.yarn import YarnLayout
from dcanary.objects import ObjectStore

LAYOUTS_VERSION = 1
"""One higher when the same locks give other files, so that other versions do not agree."""
_ABANDONED_SECONDS = 60


class Layout(Protocol):
    """Writes the dependencies of one kind."""

    kind: str

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """Write below the folder `kind`. Raises LayoutError, ObjectError and OSError."""
        ...

    def environment(self, mount: str) -> dict[str, str]:
        """The variables by which the tools find it, when the folder is at `mount`."""
        ...


LAYOUTS: tuple[Layout, ...] = (
    NpmLayout(),
    YarnLayout(),
    PnpmLayout(),
    CargoLayout(),
    PypiLayout(),
    MopsLayout(),
    UrlsLayout(),
)


def lay_out(brought: Iterable[Brought], store: ObjectStore, into: Path) -> Manifest:
    """Make the folder `into` of dependencies; it appears complete or not at all.

    The same dependencies give the same manifest, whoever makes it and wherever. Raises LayoutError,
    ObjectError, OSError, and FileExistsError when `into` is there with other files.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(into)
    with room_in(into.absolute().parent):
        return _make(sorted(brought, key=lambda each: each.pin), store, into)


def _make(brought: Sequence[Brought], store: ObjectStore, into: Path) -> Manifest:
    making = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    # Held until the end of this process at the latest: who finds it free finds it abandoned.
    held = os.open(making, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        folder = Folder(making)
        for layout in LAYOUTS:
            ours = [each for each in brought if each.pin.kind == layout.kind]
            if ours:
                layout.write(ours, store, folder)
        manifest = folder.finish()
        if into.exists() and any(into.iterdir()):
            _check_same(into, manifest)
            shutil.rmtree(making)
        else:
            making.replace(into)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    finally:
        os.close(held)
    return manifest


def _remove_abandoned(into: Path) -> None:
    """Remove what killed processes had begun to make for `into`."""
    for path in into.parent.glob(f".{glob.escape(into.name)}.*"):
        with contextlib.suppress(OSError):
            found = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                # Another process may have made it now and not hold it yet.
                if time.time() - os.fstat(found).st_mtime > _ABANDONED_SECONDS:
                    fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(found)


def _check_same(into: Path, manifest: Manifest) -> None:
    try:
        same = read_manifest(into) == manifest
    except LayoutError:
        same = False
    if not same:
        raise FileExistsError(f"{into} has other files: name another folder, or remove it")


def environment(kinds: Iterable[str], mount: str) -> dict[str, str]:
    """The variables for the tools of some kinds, when the folder is at `mount`."""
    wanted = set(kinds)
    found: dict[str, str] = {}
    for layout in LAYOUTS:
        if layout.kind in wanted:
            found.update(layout.environment(mount))
    return dict(sorted(found.items()))


__all__ = ["LAYOUTS", "LAYOUTS_VERSION", "Layout", "LayoutError", "environment", "lay_out"]
