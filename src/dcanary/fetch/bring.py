"""Downloads what lock files pin, all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts, listed_as
from dcanary.download.model import DownloadError, DownloadsFailed, Wanted
from dcanary.download.registries import MOPS, PYPI, Registries
from dcanary.fetch.brought import Brought
from dcanary.fetch.canister_files import bring_canister_files
from dcanary.fetch.index import IndexFile, files_of
from dcanary.fetch.pinned import LockProblem, Pinned, Target
from dcanary.fetch.wheels import Wheels
from dcanary.objects import ObjectStore
from dcanary.reach import origin

MAX_FILE_BYTES = 1 << 30
_PARALLEL = 8
# Where dependencies are whose locks name no URL.
_INDEXES = {"pypi": PYPI, "mops": MOPS}


class FetchFailed(Exception):
    """Not all that is pinned could be brought.

    `problems` are of the locks, and the same for everybody; `downloads` of the network or servers.
    """

    def __init__(
        self, problems: Sequence[LockProblem] = (), downloads: Sequence[DownloadError] = ()
    ) -> None:
        super().__init__("\n".join(map(str, [*problems, *downloads])))
        self.problems, self.downloads = list(problems), list(downloads)


def host_problems(pins: Iterable[Pinned], allowed: Iterable[str]) -> list[LockProblem]:
    """The pins on hosts that are not allowed, each with its line."""
    hosts = Hosts(allowed)
    found = []
    for pin in pins:
        problem = hosts.problem(pin.url or _INDEXES[pin.kind])
        if problem:
            what, _, remedy = problem.partition(": ")
            package = f"{pin.name} {pin.version}".strip()
            found.append(LockProblem(pin.lock, pin.line, f"{package}: {what}", remedy))
    return sorted(found)


def hosts_of(pins: Iterable[Pinned]) -> list[str]:
    """The hosts that pins are on, sorted: `name` or `name:port`. Leaves out what no list of allowed
    hosts makes good, such as plain http."""
    found = set()
    for url in {pin.url or _INDEXES[pin.kind] for pin in pins}:
        host, _ = origin(url)
        # An IPv6 address has no form in such a list.
        if host and ":" not in host and not Hosts([listed_as(url)]).problem(url):
            found.add(listed_as(url))
    return sorted(found)


def bring(
    pins: Sequence[Pinned],
    store: ObjectStore,
    downloader: Downloader,
    registries: Registries,
    target: Target,
) -> list[Brought]:
    """All pins with their bytes in `store`, which is the downloader's.

    Raises FetchFailed, and ObjectError and OSError for trouble of this machine.
    """
    in_canisters = [pin for pin in pins if pin.kind == "mops"]
    located, places = _located(
        [pin for pin in pins if pin.kind != "mops"], downloader, registries, target
    )
    wanted = {
        pin: Wanted(
            registries.place(places.get(pin, pin.url)), pin.digests[0], pin.where, MAX_FILE_BYTES
        )
        for pin in located
    }
    try:
        found = downloader.get_all(wanted.values())
        files = bring_canister_files(in_canisters, store, downloader, registries)
    except DownloadsFailed as error:
        raise FetchFailed(downloads=error.problems) from error
    return [
        *(Brought(pin, found[wanted[pin]]) for pin in located),
        *(Brought(pin, files[pin]) for pin in in_canisters),
    ]


def _located(
    pins: Sequence[Pinned], downloader: Downloader, registries: Registries, target: Target
) -> tuple[list[Pinned], dict[Pinned, str]]:
    """The pins with one digest and file name each, and those of their places that an index told."""
    asked = {pin: pin.name for pin in pins if _needs_index(pin, registries)}
    names = sorted(set(asked.values()))
    pages: dict[str, list[IndexFile]] = {}
    downloads: list[DownloadError] = []
    with ThreadPoolExecutor(_PARALLEL, "index") as threads:
        started = [
            (name, threads.submit(files_of, downloader, registries.pypi, name)) for name in names
        ]
        for name, future in started:
            try:
                pages[name] = future.result()
            except DownloadError as error:
                downloads.append(error)
    if downloads:
        raise FetchFailed(downloads=sorted(downloads, key=str))
    wheels = Wheels(target)
    problems: list[LockProblem] = []
    located: list[Pinned] = []
    places: dict[Pinned, str] = {}
    for pin in pins:
        if pin not in asked:
            located.append(pin)
            continue
        chosen = _choose(pin, pages[pin.name], wheels, target)
        if isinstance(chosen, LockProblem):
            problems.append(chosen)
        else:
            located.append(chosen[0])
            places[chosen[0]] = chosen[1]
    if problems:
        raise FetchFailed(problems=sorted(problems))
    return located, places


def _needs_index(pin: Pinned, registries: Registries) -> bool:
    if pin.kind != "pypi":
        return False
    # A mirror of the index has files at places of its own.
    return not pin.url or (registries.pypi != PYPI and "files.pythonhosted.org" in pin.url)


def _choose(
    pin: Pinned, files: list[IndexFile], wheels: Wheels, target: Target
) -> tuple[Pinned, str] | LockProblem:
    """The file to take, with its place; the lock's hashes decide which there are to choose from."""
    pinned = {each.name: each for each in files if each.digests & set(pin.digests)}
    best = pin.path if pin.path in pinned else wheels.best(pinned)
    if best is None:
        package = f"{pin.name} {pin.version}"
        if not pinned:
            what = f"no file of {package} in the index has one of its hashes"
            return LockProblem(pin.lock, pin.line, what, "lock again, and find out what changed")
        python = ".".join(map(str, target.python))
        return LockProblem(
            pin.lock,
            pin.line,
            f"{package} has no file for Python {python} on {target.machine}",
            "use a version that has one, or another Python",
        )
    digest = min(pinned[best].digests & set(pin.digests))
    return replace(pin, digests=(digest,), path=best), pinned[best].url
