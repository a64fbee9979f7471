"""Packages of fetch stages on this machine: downloaded once, and laid out once for each manifest.

Nothing that is kept is believed. Downloads are hashed when they are used, and so is every file of a
folder that was laid out: what has changed meanwhile is thrown away and made again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dcanary import folders
from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts
from dcanary.download.model import DownloadError, Limits, TooLarge, Weather, WrongBytes
from dcanary.download.registries import PUBLIC_HOSTS, Registries, registries_of_this_machine
from dcanary.executor.cancellation import Cancellation
from dcanary.executor.needed import FetchFailure, Given, Needed
from dcanary.executor.received import Received
from dcanary.executor.source import (
    SourceUnable,
    SourceUnavailable,
)
from dcanary.fetch.bring import FetchFailed
from dcanary.fetch.fetching import fetch, pins_of
from dcanary.fetch.layout.folder import LayoutError, Manifest, read_manifest
from dcanary.fetch.layout.merged import merge
from dcanary.fetch.pinned import Pinned, ReadFile, Target
from dcanary.objects import MissingObject, ObjectStore, PoisonedObject

MAX_BYTES = 16 << 30
"""Of the folders that are kept laid out."""
MAX_OBJECT_BYTES = 20 << 30
"""Of the downloads that are kept."""
_ATTEMPTS = 3
Say = Callable[[str], None]


class Packages:
    """Keeps packages: `folder` is its own, with what is laid out; `objects` has the downloads.

    For use by several threads. At most `max_bytes` stay laid out: the least recently used go.
    """

    def __init__(
        self,
        folder: Path,
        objects: ObjectStore,
        downloads: Path,
        registries: Registries,
        *,
        limits: Limits | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._folder, self._objects, self._downloads = folder, objects, downloads
        self._registries, self._limits, self._max_bytes = registries, limits, max_bytes
        self._held: Counter[str] = Counter()
        self._changing = threading.RLock()
        self._is_clean = False

    @classmethod
    def of_this_machine(cls, folder: Path) -> Packages:
        """With the downloads of this user, and the registries that the machine's tools are set to.

        `folder` keeps what is laid out.
        """
        objects = ObjectStore(folders.objects(), MAX_OBJECT_BYTES)
        return cls(folder, objects, folders.downloads(), registries_of_this_machine())

    def bring(
        self,
        fetch: Mapping[str, Any],
        read: ReadFile,
        say: Say,
        cancelled: Cancellation,
        received: Received | None = None,
    ) -> Manifest:
        """Fetch what the locks of a Fetch record pin, and keep it; `read` reads the commit.

        `received` counts what is downloaded for it. Raises FetchFailure, SourceUnavailable,
        SourceUnable, ObjectError and OSError.
        """
        pins = _pins(fetch, read, say)
        attempt = 1
        while True:
            try:
                return self._bring(pins, fetch, say, cancelled, received or Received())
            except (PoisonedObject, MissingObject) as error:
                # It was sound when it was looked for: another process changed or removed it since.
                if attempt == _ATTEMPTS:
                    raise
                say(f"{error}; fetching it again")
            except FetchFailed as error:
                for each in (*error.problems, *error.downloads):
                    say(str(each))
                # A network that wants a login first answers a page in the place of every file.
                if attempt == _ATTEMPTS or not _only_wrong_bytes(error):
                    raise _failure(error) from error
                say("asking for it again")
            attempt += 1

    @contextlib.contextmanager
    def given(
        self,
        needed: Sequence[Needed],
        read: ReadFile,
        scratch: Path,
        say: Say,
        cancelled: Cancellation,
        received: Received | None = None,
    ) -> Iterator[Given]:
        """The packages of some fetch stages, checked, in one folder that stays within the block.

        Those that are not here are fetched from the locks of the commit, and must be the agreed
        ones. Raises as `bring` does; SourceUnable when they are not. `scratch` must not exist.
        """
        with contextlib.ExitStack() as held:
            places = [
                (
                    each.stage,
                    held.enter_context(self._holding(each, read, say, cancelled, received)),
                )
                for each in needed
            ]
            if len(places) == 1:
                yield Given(places[0][1])
                return
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            try:
                merge(places, scratch)
            except LayoutError as error:
                raise FetchFailure(str(error)) from error
            yield Given(scratch)

    def _bring(
        self,
        pins: list[Pinned],
        request: Mapping[str, Any],
        say: Say,
        cancelled: Cancellation,
        received: Received,
    ) -> Manifest:
        self._clean()
        making = self._folder / f"new-{uuid.uuid4().hex}"
        hosts = Hosts(_allowed(request), self._registries.trusted)
        try:
            with (
                Downloader(
                    self._objects,
                    self._downloads,
                    hosts,
                    limits=self._limits,
                    say=say,
                    received=received.add,
                ) as downloader,
                cancelled.telling(downloader.close),
            ):
                target, registries = Target(), self._registries
                made = fetch(pins, self._objects, downloader, registries, target, making)
            self._take(making, made.manifest)
        except LayoutError as error:
            say(error.in_full)
            raise FetchFailure(str(error)) from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
        found = made.manifest
        say(
            f"packages: {len(pins):,} pinned, files: {len(found.entries):,}, "
            f"bytes: {found.size:,}, manifest: {found.digest}"
        )
        return found

    @contextlib.contextmanager
    def _holding(
        self,
        needed: Needed,
        read: ReadFile,
        say: Say,
        cancelled: Cancellation,
        received: Received | None,
    ) -> Iterator[Path]:
        """The agreed packages of one fetch stage; they are not removed within the block."""
        with self._changing:
            self._held[needed.digest] += 1
        try:
            if not self._is_sound(needed.digest, say):
                say(f"the packages of the stage {needed.stage} are not here: fetching them")
                try:
                    found = self.bring(needed.fetch, read, say, cancelled, received).digest
                except FetchFailure as error:
                    # Others could: to attest to a failure would blame the commit.
                    raise SourceUnable(
                        f"the packages of the stage {needed.stage} cannot be fetched here: {error}"
                    ) from error
                if found != needed.digest:
                    raise SourceUnable(
                        f"the locks of the stage {needed.stage} give {found} here, agreed was "
                        f"{needed.digest}: use the version of dcanary that the others have"
                    )
            yield self._folder / needed.digest
        finally:
            with self._changing:
                self._held[needed.digest] -= 1

    def _is_sound(self, digest: str, say: Say) -> bool:
        """Whether a folder is here with the files that its digest names; others are removed."""
        place = self._folder / digest
        if not place.is_dir():
            return False
        try:
            is_sound = read_manifest(place).digest == digest
        except LayoutError:
            is_sound = False
        if is_sound:
            with contextlib.suppress(OSError):
                os.utime(self._note(digest))
        else:
            say(f"files below {place} were changed after they were checked: find out who can write")
            self._remove(digest)
        return is_sound

    def _take(self, made: Path, manifest: Manifest) -> None:
        """Keep a folder that was laid out, unless the same is here and sound."""
        digest = manifest.digest
        with self._changing:
            if self._is_sound(digest, lambda _: None):
                return
            self._note(digest).write_text(str(manifest.size))
            made.rename(self._folder / digest)
            self._trim(digest)

    def _trim(self, newest: str) -> None:
        """Remove folders until the rest fits: the least recently used, and never one in use."""
        notes = sorted(self._folder.glob("*.bytes"), key=lambda each: each.stat().st_mtime_ns)
        sizes: dict[str, int] = {}
        for note in notes:
            # Of a power cut before it was on the disk.
            with contextlib.suppress(ValueError):
                sizes[note.stem] = int(note.read_text())
        total = sum(sizes.values())
        for digest, size in sizes.items():
            if total <= self._max_bytes:
                break
            if digest != newest and not self._held[digest]:
                self._remove(digest)
                total -= size

    def _remove(self, digest: str) -> None:
        with self._changing:
            gone = self._folder / f"new-{uuid.uuid4().hex}"
            # Away first: half a folder must not be found by its name after a kill.
            with contextlib.suppress(FileNotFoundError):
                (self._folder / digest).rename(gone)
            self._note(digest).unlink(missing_ok=True)
            shutil.rmtree(gone, ignore_errors=True)

    def _note(self, digest: str) -> Path:
        return self._folder / f"{digest}.bytes"

    def _clean(self) -> None:
        """Remove, once, what a process before this one had begun to make."""
        with self._changing:
            if not self._is_clean:
                self._folder.mkdir(parents=True, exist_ok=True)
                for leftover in (*self._folder.glob("new-*"), *self._folder.glob(".new-*")):
                    shutil.rmtree(leftover, ignore_errors=True)
                self._is_clean = True


def _allowed(fetch: Mapping[str, Any]) -> Sequence[str]:
    return tuple(fetch["hosts"]) or tuple(PUBLIC_HOSTS)


def _pins(fetch: Mapping[str, Any], read: ReadFile, say: Say) -> list[Pinned]:
    try:
        return pins_of(read, fetch["locks"], _allowed(fetch), Target())
    except FetchFailed as error:
        for each in error.problems:
            say(str(each))
        raise _failure(error) from error
    except ValueError as error:
        raise FetchFailure(f"hosts: {error}") from error


def _only_wrong_bytes(failed: FetchFailed) -> bool:
    return all(isinstance(each, WrongBytes) for each in failed.downloads) and not failed.problems


def _failure(failed: FetchFailed) -> Exception:
    """What follows from a failed fetch.

    Locks are part of the commit: what is wrong with them is wrong for everybody, and so are bytes
    that do not have the pinned hash. What a server does not give may be another executor's to get.
    """
    if failed.problems:
        return FetchFailure(_first(failed.problems))
    weather = [each for each in failed.downloads if isinstance(each, Weather)]
    wrong = [each for each in failed.downloads if isinstance(each, WrongBytes | TooLarge)]
    rest = [each for each in failed.downloads if each not in weather and each not in wrong]
    # Only when nothing else is in the way do all operators know the same problems.
    if weather:
        return SourceUnavailable(_first(weather))
    if rest:
        return SourceUnable(_first(rest))
    return FetchFailure(_first(sorted({_of_everybody(each) for each in wrong})))


def _of_everybody(error: DownloadError) -> str:
    """What all executors say alike of an error: no URL, for each may have its own mirror."""
    if isinstance(error, TooLarge):
        return f"{error.pinned_by}: its file is larger than what can be fetched"
    return (
        f"{error.pinned_by}: the bytes of its server do not have the pinned hash: the file or the "
        "lock was changed"
    )


def _first(problems: Sequence[object]) -> str:
    more = len(problems) - 1
    return f"{problems[0]}" + (f" (and {more} more: see the log)" if more else "")
