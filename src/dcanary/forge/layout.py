"""Where the forge keeps what: one folder, readable by its user only.

| path | what |
|---|---|
| `repositories/<name>.git` | bare repositories |
| `spool/` | pushes and requests that are not deliveries yet, see `spool.py` |
| `deliveries/<name>.jsonl` | what happened to each delivery, one line per event |
| `deliveries/<name>/<id>.json` | the bytes of each delivery's body |
| `deliveries/<name>/<push>.refs` | the refs of each push |
| `pull-requests/<name>.json` | pull requests of a repository |
| `secrets/<name>.json` | webhook URL and secret (mode 0600) |
| `statuses/<name>.jsonl` | the statuses that were posted to commits, one line each |
| `api-token` | what posts statuses must have (mode 0600) |
| `settings.json` | the port, kept so that clone URLs stay valid over restarts |
| `forge.json` | `{"url", "pid"}` while the forge runs |
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from dcanary.forge.errors import ForgeError
from dcanary.forge.names import check_repository_name


class Layout:
    """Paths under the forge's root. Names are checked before they become paths."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.repositories = self.root / "repositories"
        self.spool = self.root / "spool"
        self.deliveries = self.root / "deliveries"
        self.secrets = self.root / "secrets"
        self.pulls = self.root / "pull-requests"
        self.statuses = self.root / "statuses"
        self.api_token = self.root / "api-token"
        self.settings = self.root / "settings.json"
        self.running = self.root / "forge.json"
        self.lock = self.root / "lock"

    def create(self) -> None:
        """Make the folders; safe to repeat."""
        below = (self.repositories, self.spool, self.deliveries, self.secrets, self.pulls)
        for folder in (self.root, *below):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def repository(self, name: str) -> Path:
        return self.repositories / f"{check_repository_name(name)}.git"

    def log(self, name: str) -> Path:
        return self.deliveries / f"{check_repository_name(name)}.jsonl"

    def bodies(self, name: str) -> Path:
        return self.deliveries / check_repository_name(name)

    def statuses_of(self, name: str) -> Path:
        return self.statuses / f"{check_repository_name(name)}.jsonl"

    def pull_requests(self, name: str) -> Path:
        return self.pulls / f"{check_repository_name(name)}.json"

    def secret(self, name: str) -> Path:
        return self.secrets / f"{check_repository_name(name)}.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is seen by others complete or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    write_whole(path, (json.dumps(value) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value in a JSON file, None when there is no such file. Raises ForgeError when it holds
    something else."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise ForgeError(
            f"{path} is damaged: it is not JSON. Restore it from a copy, or delete it and set anew "
            "what was in it"
        ) from None
