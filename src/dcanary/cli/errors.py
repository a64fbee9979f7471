"""Failures of other packages in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dcanary.client.errors import ClientError, ConfigError


class BuildFailed(ClientError):
    """A module could not be built."""

    error = "build"


class NetworkTrouble(ClientError):
    """The local network could not be started, found or stopped."""

    error = "local_network"


class UsageTrouble(ConfigError):
    """A file or argument is not right."""

    error = "file"


@contextmanager
def translated() -> Iterator[None]:
    """Raises ClientError in place of the other packages' errors."""
    try:
        yield
    except ClientError:
        raise
    except Exception as error:
        found = _translate(error)
        if found is None:
            raise
        raise found from error


def _translate(error: Exception) -> ClientError | None:
    module = type(error).__module__
    if module.startswith("dcanary.wasm"):
        return BuildFailed(str(error))
    if module.startswith("dcanary.replica"):
        return NetworkTrouble(str(error))
    if module.startswith(
        ("dcanary.pipeline", "dcanary.forge", "dcanary.executor", "dcanary.secrets")
    ):
        return UsageTrouble(str(error))
    if module.startswith("dcanary.image"):
        return _of_images(error)
    if module.startswith(("dcanary.objects", "dcanary.download")):
        return ClientError(str(error))
    if module.startswith("dcanary.candid"):
        return UsageTrouble(str(error))
    return None


def _of_images(error: Exception) -> ClientError:
    from dcanary.image.errors import LockProblem, SpecProblem, UnresolvedError, WrongPackage

    # These are a user's to set right, in a file of theirs.
    theirs = isinstance(error, (LockProblem, SpecProblem, UnresolvedError, WrongPackage))
    return (UsageTrouble if theirs else ClientError)(str(error))
