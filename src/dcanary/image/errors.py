"""What can be wrong with images: each message says what, where and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from dcanary.download.model import DownloadError, DownloadsFailed, TooLarge, WrongBytes
from dcanary.objects import NoRoom


class ImageError(Exception):
    """An image could not be locked, built or used."""


class SpecProblem(ImageError):
    """A specification of an image is wrong. Names the file and the field."""

    def __init__(self, file: str, field: str, what: str) -> None:
        super().__init__(f"{file}: {field}: {what}")


class LockProblem(ImageError):
    """A lock file of an image is wrong. Names the file and the field."""

    def __init__(self, file: str, field: str, what: str) -> None:
        super().__init__(f"{file}: {field}: {what}" if field else f"{file}: {what}")


class UnresolvedError(ImageError):
    """Packages that cannot be had together, or a choice that only the specification can make."""


class NoRoomForImage(ImageError):
    """The disk is full. Names the folder and the command that frees some."""


class RegistryError(ImageError):
    """A registry did not answer, or not with what was expected of it."""


class WrongPackage(RegistryError):
    """A package has another hash or size than a lock file says. Names the file, line and field.

    To those who only have the lock, the registry may as well be wrong.
    """


class PackageProblem(ImageError):
    """A package is not what its lock says, is damaged, or holds what an image must not have."""


class DamagedImage(ImageError):
    """Files of a built image have changed since it was built. Names the first."""


@contextmanager
def said_of_registries(places: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Raises ImageError in place of the errors of downloads; `places` is that of `places()`."""
    try:
        yield
    except DownloadsFailed as error:
        known = set(places.values())
        lines = [_said(each, known) for each in error.problems]
        wrong = any(
            isinstance(each, _OF_LOCKS) and each.pinned_by in known for each in error.problems
        )
        raise (WrongPackage if wrong else RegistryError)("\n".join(lines)) from error
    except DownloadError as error:
        raise RegistryError(str(error)) from error
    except NoRoom as error:
        raise NoRoomForImage(str(error)) from error


def size_of(place: str) -> str:
    """The place of a package's size beside that of its hash."""
    return "].size (".join(place.rsplit("].sha256 (", 1))


_OF_LOCKS = (WrongBytes, TooLarge)


def _said(problem: DownloadError, known: set[str]) -> str:
    # That bytes are wrong is said with the place of the hash.
    if isinstance(problem, TooLarge) and problem.pinned_by in known:
        return f"{size_of(problem.pinned_by)}: {problem}"
    return str(problem)
