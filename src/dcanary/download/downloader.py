"""Downloads pinned files into an ObjectStore: in parallel, resumed after a kill, verified."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dcanary.download.aliases import Aliases
from dcanary.download.attempt import Attempts
from dcanary.download.connection import Connections
from dcanary.download.hosts import Hosts
from dcanary.download.model import (
    DownloadError,
    DownloadsFailed,
    HostNotAllowed,
    Limits,
    TooLarge,
    Wanted,
    Weather,
)
from dcanary.download.partial import Partial, remove_old
from dcanary.objects import Object, ObjectStore, PoisonedObject

Result = TypeVar("Result")


class Downloader:
    """Downloads until `close`; `folder` keeps what is not complete, and may be used by several.

    `say` gets a line for each thing that is tried again, `received` the size of each piece that
    comes over the network, both from several threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        hosts: Hosts,
        *,
        limits: Limits | None = None,
        say: Callable[[str], None] = lambda _: None,
        received: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store, self._folder, self._hosts = store, folder / "partial", hosts
        self._limits = limits or Limits()
        self._say = say
        self._aliases = Aliases(folder / "aliases")
        self._connections = Connections(hosts, self._limits.parallel)
        self._stopping = threading.Event()
        self._attempts = Attempts(self._connections, hosts, self._limits, self._stopping, received)
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_old(self._folder)

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all downloads and connections."""
        self._stopping.set()
        self._connections.close()

    def find(self, wanted: Wanted) -> Object | None:
        """The file if it is in the store, and sound."""
        try:
            return self._aliases.find(self._store, wanted.digest)
        except PoisonedObject as error:
            self._say(str(error))
            return None

    def get(self, wanted: Wanted) -> Object:
        """The file, from the store or downloaded. Raises DownloadError, ObjectError and OSError."""
        found = self.find(wanted)
        if found is not None:
            return found
        problem = self._hosts.problem(wanted.url)
        if problem:
            raise HostNotAllowed(wanted.url, problem)
        with Partial(self._folder, wanted.digest) as partial:
            # Whoever held the partial file before may have completed it.
            found = self.find(wanted)
            if found is None:
                found = self._download(wanted, partial)
            return found

    def get_all(self, wanted: Iterable[Wanted]) -> dict[Wanted, Object]:
        """All files, each downloaded once. Raises DownloadsFailed with all that went wrong."""
        asked = list(dict.fromkeys(wanted))
        first = {each.digest: each for each in reversed(asked)}
        done: dict[Wanted, Object] = {}
        problems: list[DownloadError] = []
        size = 0
        with ThreadPoolExecutor(self._limits.parallel, "download") as threads:
            started = {threads.submit(self.get, each): each for each in first.values()}
            try:
                for future, each in started.items():
                    try:
                        done[each] = future.result()
                    except DownloadError as error:
                        error.pinned_by = each.pinned_by
                        problems.append(error)
                    else:
                        size += done[each].size
                        if size > self._limits.all_bytes:
                            said = f"with it there are more than {self._limits.all_bytes} bytes"
                            raise DownloadsFailed([TooLarge(each.url, said, each.pinned_by)])
            except BaseException:
                # Interrupted, or this machine's trouble (a full disk): what runs is not waited for.
                self._stopping.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        if problems:
            raise DownloadsFailed(sorted(problems, key=lambda each: (each.url, str(each))))
        return {each: done[first[each.digest]] for each in asked}

    def read(self, url: str, max_bytes: int, accept: str) -> bytes:
        """A page that nothing pins, such as a registry's index. Raises DownloadError."""
        problem = self._hosts.problem(url)
        if problem:
            raise HostNotAllowed(url, problem)
        return self._with_patience(url, lambda: self._attempts.page(url, max_bytes, accept))

    def ask(self, url: str, body: bytes, content_type: str, max_bytes: int) -> bytes:
        """The answer to a POST, such as a query of a canister. Raises DownloadError."""
        problem = self._hosts.problem(url)
        if problem:
            raise HostNotAllowed(url, problem)
        return self._with_patience(
            url, lambda: self._attempts.answer(url, body, content_type, max_bytes)
        )

    def _download(self, wanted: Wanted, partial: Partial) -> Object:
        self._with_patience(wanted.url, lambda: self._attempts.file(wanted, partial))
        with partial.reading() as file:
            kept = self._store.put(
                file,
                sha256=wanted.digest.hex if wanted.digest.algorithm == "sha256" else None,
                max_bytes=wanted.max_bytes,
            )
        self._aliases.remember(wanted.digest, kept.digest)
        partial.remove()
        return kept

    def _with_patience(self, url: str, attempt: Callable[[], Result]) -> Result:
        """The result of an attempt that is tried again as long as the weather is bad."""
        pauses = self._limits.pauses
        for number, pause in enumerate(pauses, start=1):
            try:
                return attempt()
            except Weather as error:
                if self._stopping.is_set():
                    raise
                self._say(f"{error}; trying again in {pause:g} s ({number} of {len(pauses)})")
                self._stopping.wait(pause)
        return attempt()
