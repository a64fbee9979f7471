"""The module of an asset canister, in the folder or by a lock."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import AssetModule, Place
from dcanary.project.folder import Folder

MODULES = ("assetstorage.wasm.gz", "assetstorage.wasm")
"""Names under which the SDK gives it away."""
LOCK = "urls.lock"


class AssetModules:
    """See `Detector`."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """See `Detector.detect`."""
        for name in MODULES:
            for file in folder.named(name)[:1]:
                found.asset_module = found.asset_module or AssetModule(Place(file), file)
        if found.asset_module is None and folder.has(LOCK):
            found.asset_module = _locked(folder.text(LOCK) or "")


def _locked(text: str) -> AssetModule | None:
    """The first line of `urls.lock` that brings such a module."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        if len(words) not in (2, 3) or words[0].startswith("#"):
            continue
        try:
            name = posixpath.basename(unquote(urlsplit(words[1]).path))
        except ValueError:
            continue
        path = words[2] if len(words) == 3 else name
        if name in MODULES or posixpath.basename(path) in MODULES:
            return AssetModule(Place(LOCK, number), path, lock=LOCK)
    return None
