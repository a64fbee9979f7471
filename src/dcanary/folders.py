"""Where DCanary keeps what belongs to the user and to no project."""

from __future__ import annotations

from pathlib import Path


def cache(*parts: str) -> Path:
    """The user's cache folder of DCanary, or a folder in it: $XDG_CACHE_HOME/dcanary, else
    ~/.cache/dcanary on Linux. All in it can be made again.

    What a project has (its installation, networks, logs) is in that project's `.dcanary` instead:
    deleting the project deletes it.
    """
    # Here and not above: `dcanary --help` needs no folder.
    import platformdirs

    return platformdirs.user_cache_path("dcanary", appauthor=False).joinpath(*parts)


def compiled_modules() -> Path:
    """Machine code of WebAssembly modules, for all networks of this user."""
    return cache("replica")


def objects() -> Path:
    """What was downloaded, by the sha256 of its bytes, for all projects of this user."""
    return cache("objects")


def downloads() -> Path:
    """What is not complete of downloads."""
    return cache("downloads")


def images() -> Path:
    """Built images, for all projects of this user."""
    return cache("images")


def results() -> Path:
    """Results of stages that local runs use again, for all projects of this user."""
    return cache("results")
