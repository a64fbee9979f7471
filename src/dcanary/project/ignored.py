"""Files that Git ignores: they lie in the folder, and no commit has them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SECONDS = 20.0
_COMMAND = (
    # Listing runs nothing of the repository but this, where its configuration names a program.
    *("git", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"),
    *("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"),
)


def ignored_by_git(root: Path) -> tuple[str, ...]:
    """Files and folders (with a `/` at their end) below `root` that Git ignores.

    Empty where the folder is in no repository, or Git cannot tell.
    """
    if not any(os.path.lexists(one / ".git") for one in (root, *root.parents)):
        return ()
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("GIT_")
    } | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            _COMMAND,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    if done.returncode != 0:
        return ()
    return tuple(os.fsdecode(one) for one in done.stdout.split(b"\0") if one)
