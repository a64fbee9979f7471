"""Files of an asset canister as orders list them."""

from __future__ import annotations

import hashlib
from typing import Any

from shared.rules.assets import assets_of

FOLDER = "dist/"


def listed(files: dict[str, bytes], settings: str | None = None) -> Any:
    """The list of these contents by their keys, with the properties that settings give them."""
    agreed: Any = [
        {
            "path": FOLDER + key[1:],
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for key, content in files.items()
    ]
    texts = None
    if settings is not None:
        agreed.append({"path": f"{FOLDER}.ic-assets.json5", "size": 1, "sha256": "a" * 64})
        texts = {agreed[-1]["path"]: settings.encode()}
    found = assets_of(agreed, FOLDER, texts)
    assert not isinstance(found, str), found
    return found
