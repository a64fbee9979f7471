"""A folder of wheels and source archives, for `pip install --require-hashes` and `uv pip`."""

from __future__ import annotations

from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder, LayoutError
from dcanary.objects import ObjectStore


class PypiLayout:
    """See `Layout`."""

    kind = "pypi"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        done: dict[str, str] = {}
        for each in brought:
            path = f"pypi/{each.pin.path}"
            if done.setdefault(path, each.found.digest) != each.found.digest:
                raise LayoutError(f"{each.pin.where}: {each.pin.path} has another hash elsewhere")
            if not folder.has(path):
                with store.open(each.found.digest) as file:
                    folder.add(path, file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": f"{mount}/pypi",
            "PIP_NO_INDEX": "1",
            "UV_FIND_LINKS": f"{mount}/pypi",
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
        }
