"""Dependencies of a folder: what its lock files pin, and the folder made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from dcanary import folders
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.operations.build import Progress
from dcanary.client.errors import ClientError, NetworkError
from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts
from dcanary.download.model import DownloadError, Limits, Weather
from dcanary.download.registries import PUBLIC_HOSTS, registries_of_this_machine
from dcanary.fetch.bring import FetchFailed
from dcanary.fetch.fetching import Fetched, fetch, pins_of
from dcanary.fetch.files import reading_folder
from dcanary.fetch.layout.folder import LayoutError
from dcanary.fetch.locks.reading import READERS, reader_of
from dcanary.fetch.pinned import Pinned, Target
from dcanary.objects import ObjectError, ObjectStore

_STORE_BYTES = 20 << 30


class NotPinned(UsageTrouble):
    """Lock files do not pin all that they name; programs get each problem by itself."""

    def __init__(self, failure: FetchFailed) -> None:
        count = len(failure.problems)
        lines = "\n".join(str(each) for each in failure.problems)
        super().__init__(f"{count} {'problem' if count == 1 else 'problems'}\n{lines}")
        self._problems = failure.problems

    def details(self) -> dict[str, object]:
        return {"problems": [vars(each) for each in self._problems]}


def locks_in(folder: Path) -> list[str]:
    """The lock files of a folder, by name. Raises UsageTrouble when there is none."""
    found = sorted(
        each.name for each in folder.iterdir() if each.is_file() and reader_of(each.name)
    )
    if not found:
        known = ", ".join(name for reader in READERS for name in reader.names.split())
        raise UsageTrouble("this folder has no lock file", f"name one with --lock; known: {known}")
    return found


def read_pins(
    folder: Path, locks: Sequence[str], allowed: Iterable[str], target: Target
) -> list[Pinned]:
    """What the lock files of a folder pin. Raises UsageTrouble."""
    try:
        return pins_of(reading_folder(folder), locks, {*PUBLIC_HOSTS, *allowed}, target)
    except FetchFailed as error:
        raise NotPinned(error) from error
    except ValueError as error:
        raise UsageTrouble(f"--allow {error}") from error


def fetch_into(
    pins: list[Pinned],
    allowed: Iterable[str],
    target: Target,
    into: Path,
    progress: Progress,
    limits: Limits | None = None,
) -> Fetched:
    """Bring what is pinned. Raises ClientError."""
    registries = registries_of_this_machine()
    store = ObjectStore(folders.cache("objects"), _STORE_BYTES)
    hosts = Hosts({*PUBLIC_HOSTS, *allowed}, registries.trusted)
    try:
        with Downloader(
            store, folders.cache("downloads"), hosts, limits=limits, say=progress
        ) as downloader:
            return fetch(pins, store, downloader, registries, target, into)
    except FetchFailed as error:
        raise NotPinned(error) if error.problems else _not_brought(error.downloads) from error
    except LayoutError as error:
        raise UsageTrouble(error.in_full) from error
    except FileExistsError as error:
        raise UsageTrouble(f"--into: {error}") from error
    except ObjectError as error:
        raise ClientError(str(error)) from error


def _not_brought(failures: Sequence[DownloadError]) -> ClientError:
    lines = "\n".join(str(each) for each in failures)
    if any(not isinstance(each, Weather) for each in failures):
        return UsageTrouble(f"not all that is pinned can be fetched\n{lines}")
    return NetworkError(f"not all could be fetched now\n{lines}", "try again: what came is kept")
