"""What can be wrong with images: each message says what, where and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dcanary.download.model import DownloadError, DownloadsFailed
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


class PackageProblem(ImageError):
    """A package is not what its lock says, is damaged, or holds what an image must not have."""


class DamagedImage(ImageError):
    """Files of a built image have changed since it was built. Names the first."""


@contextmanager
def said_of_registries() -> Iterator[None]:
    """Raises ImageError in place of the errors of downloads."""
    try:
        yield
    except (DownloadError, DownloadsFailed) as error:
        raise RegistryError(str(error)) from error
    except NoRoom as error:
        raise NoRoomForImage(str(error)) from error
