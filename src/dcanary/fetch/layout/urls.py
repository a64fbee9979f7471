"""Plain files at the paths that urls.lock gives them."""

from __future__ import annotations

from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder
from dcanary.objects import ObjectStore


class UrlsLayout:
    """See `Layout`."""

    kind = "urls"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        for each in brought:
            path = f"urls/{each.pin.path}"
            # Of one path from two URLs the hashes are the same, or the locks have a problem.
            if not folder.has(path):
                with store.open(each.found.digest) as file:
                    folder.add(path, file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {"DCANARY_URLS": f"{mount}/urls"}
