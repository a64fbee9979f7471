"""What a folder holds."""

from __future__ import annotations

import re
from pathlib import Path

from dcanary.project.detectors import DETECTORS, dfx, icp
from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Project
from dcanary.project.folder import Folder, parent

_HEAD = re.compile(r"ref: refs/heads/([!-~]{1,200})\s*")
_MAX_PARENTS = 64
PROJECT_FILES = (dfx.FILE, icp.FILE)
MAX_BELOW = 5
"""Notes of projects below the root; a collection of examples has dozens."""


def detect(root: Path) -> Project:
    """The facts about a folder. Never raises for what is in it; what cannot be read is a note.

    Raises OSError when the folder itself cannot be listed.
    """
    folder = Folder(root)
    found = Findings(folder.root.name or "project")
    for detector in DETECTORS:
        detector.detect(folder, found)
    if not any(folder.has(name) for name in PROJECT_FILES):
        below = [place for name in PROJECT_FILES for place in folder.named(name)]
        for place in below[:MAX_BELOW]:
            folder.note(
                place,
                "is not read: a pipeline runs in the root. Write its stages with commands such as "
                f"`cd {parent(place)} && …`",
            )
    outer = repository_around(folder.root)
    if outer is not None:
        folder.note(
            ".",
            f"the repository begins above, in {outer.name or outer}: a pipeline runs in its root, "
            "so its commands would need other paths",
        )
    return Project(
        name=found.name,
        branch=_branch(folder.root),
        canisters=tuple(found.canisters.values()),
        mops=found.mops,
        cargo=found.cargo,
        node=tuple(found.node),
        sites=tuple(found.sites),
        motoko=found.motoko,
        kybra=found.kybra,
        library=found.library,
        asset_module=found.asset_module,
        notes=tuple(folder.notes),
    )


def repository_around(root: Path) -> Path | None:
    """The root of the Git repository that the folder is a part of; None when it is one itself."""
    if _is_there(root / ".git"):
        return None
    for above in list(root.parents)[:_MAX_PARENTS]:
        if _is_there(above / ".git"):
            return above
    return None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _branch(root: Path) -> str:
    """The branch of HEAD; `main` when there is none."""
    try:
        with (root / ".git" / "HEAD").open("rb") as stream:
            head = stream.read(300).decode("ascii", "replace")
    except OSError:
        return "main"
    found = _HEAD.fullmatch(head)
    return found[1] if found else "main"
