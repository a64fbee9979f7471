"""The local forge of an installation."""

from __future__ import annotations

from pathlib import Path

from dcanary.cli.errors import translated
from dcanary.forge import Delivery, Forge


def running_url(root: Path) -> str | None:
    """Address of the forge that serves `root` now, None when none does."""
    found = Forge(root).running()
    return None if found is None else str(found["url"])


def create_repository(root: Path, name: str) -> str:
    """Its clone URL; an existing repository is kept."""
    with translated():
        known = Forge(root)
        if name in known.repositories():
            return known.clone_url(name)
        return known.create_repository(name).clone_url


def clone_url(root: Path, name: str) -> str:
    with translated():
        return Forge(root).repository(name).clone_url


def set_webhook(root: Path, name: str, url: str, secret: bytes) -> None:
    with translated():
        Forge(root).set_webhook(name, url, secret)


def deliveries(root: Path, name: str) -> list[Delivery]:
    with translated():
        return Forge(root).deliveries(name)


def redeliver(root: Path, name: str, delivery: str) -> None:
    with translated():
        Forge(root).redeliver(name, delivery)


def serve(root: Path, port: int) -> None:
    """Serve in the foreground until a signal. Raises UsageTrouble when the folder is served."""
    with translated():
        Forge(root, port=port).serve_forever()
