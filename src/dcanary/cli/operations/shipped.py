"""Folders that come with DCanary: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

import os
from pathlib import Path

import dcanary
from dcanary.client.errors import ConfigError


def shipped_folder(name: str, marker: str) -> Path:
    """The folder `name`, told by the file or folder `marker` in it; $DCANARY_<NAME> comes first.

    Raises ConfigError when it is not there.
    """
    variable = f"DCANARY_{name.upper()}"
    configured = os.environ.get(variable)
    package = Path(dcanary.__file__).resolve().parent
    places = [Path(configured)] if configured else [package / f"_{name}", package.parents[1] / name]
    for place in places:
        if (place / marker).exists():
            return place
    raise ConfigError(
        f"the {name} are not in {' or '.join(map(str, places))}",
        f"set {variable} to the folder that holds {marker}",
    )
