"""Packages of mops as they lie in `.mops`: a folder NAME@VERSION each."""

from __future__ import annotations

from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder, LayoutError
from dcanary.objects import ObjectStore


class MopsLayout:
    """See `Layout`."""

    kind = "mops"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        done: dict[str, str] = {}
        for each in brought:
            path = f"mops/{each.pin.path}"
            if done.setdefault(path, each.found.digest) != each.found.digest:
                raise LayoutError(f"{each.pin.where}: {each.pin.path} has another hash elsewhere")
            if not folder.has(path):
                with store.open(each.found.digest) as file:
                    folder.add(path, file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {"DCANARY_MOPS": f"{mount}/mops"}
