"""The offline mirror of Yarn 1, for `yarn install --offline --frozen-lockfile`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder, LayoutError
from dcanary.objects import ObjectStore

_SCOPED = re.compile(r"/(?:(@[^/]+)(?:/|%2f))[^/]+/(?:-|_attachments)/(?:@[^/]+/)?([^/]+)$")


class YarnLayout:
    """See `Layout`."""

    kind = "yarn"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        done: dict[str, str] = {}
        for each in brought:
            name = mirror_name(each.pin.url)
            if done.setdefault(name, each.found.digest) != each.found.digest:
                raise LayoutError(
                    f"{each.pin.where}: another package has a file {name}, too: Yarn keeps one"
                )
            path = f"yarn/{name}"
            if not folder.has(path):
                with store.open(each.found.digest) as file:
                    folder.add(path, file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {"YARN_YARN_OFFLINE_MIRROR": f"{mount}/yarn"}


def mirror_name(url: str) -> str:
    """The name that Yarn 1 looks a tarball up by: scopes stand before it."""
    path = urlsplit(url).path
    scoped = _SCOPED.search(path)
    return f"{scoped[1]}-{scoped[2]}" if scoped else posixpath.basename(path)
