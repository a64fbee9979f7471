"""Files of an asset canister as orders list them."""

from __future__ import annotations

import hashlib
from typing import Any

from shared.rules.assets import assets_of

FOLDER = "dist/"


def listed(files: dict[str, bytes]) -> Any:
    """The list of these contents by their keys."""
    agreed: Any = [
        {
            "path": FOLDER + key[1:],
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for key, content in files.items()
    ]
    found = assets_of(agreed, FOLDER)
    assert not isinstance(found, str), found
    return found
