"""Projects without a canister that can be built: a library, a Node package, a static site."""

from __future__ import annotations

from dcanary import not_yet
from dcanary.pipeline.limits import MAX_ARTIFACTS_PER_STAGE
from dcanary.pipeline.names import check_artifact_path
from dcanary.project.facts import Place, Project
from dcanary.project.plan.fit import PAGE, Fit, NotYet, Open, Values, name_for
from dcanary.project.plan.motoko import packages
from dcanary.project.plan.npm import front_end

MAX_MANIFEST_FILES = 256
"""Files that a stage may give. Mirrors `shared/rules/limits.py`; a test compares both."""


def library(project: Project) -> Fit | NotYet | None:
    """A Motoko package whose modules are checked; None when the folder holds none."""
    found = project.library
    if found is None:
        return None
    used = packages(project, dict(found.packages))
    reasons = [*used.reasons, *_fetched(used.locked, found.place)]
    if reasons:
        return NotYet(tuple(reasons))
    values: Values = {
        "name": name_for(found.name),
        "branch": project.branch,
        "folder": found.folder,
        "flags": list(used.flags),
    }
    tests = not_yet.LIBRARY_TESTS.sentence()
    return Fit("library", values, (Open(tests, found.place, f"{PAGE}#dependencies"),))


def _fetched(names: tuple[str, ...], place: Place) -> list[Open]:
    """Why a library whose packages are in its lock alone is not checked."""
    if not names:
        return []
    text = not_yet.LIBRARY_PACKAGES.sentence(", ".join(names))
    return [Open(text, place, f"{PAGE}#dependencies")]


def node(project: Project) -> Fit | NotYet | None:
    """The scripts of the `package.json` in the root; None when there is none with scripts."""
    found = next((one for one in project.node if one.folder == "." and one.scripts), None)
    if found is None:
        return None
    if found.dependencies:
        return front_end(project, found, found.name or project.name, [])
    ordered = sorted(found.scripts)
    commands = [command for _, command in ordered]
    others = [name for name, command in ordered if command.split()[:1] != ["node"]]
    if others:
        text = f"the script {others[0]} starts another program than node, the runtime's only one"
        return NotYet((Open(text, found.place, f"{PAGE}#front-ends"),))
    values: Values = {
        "name": name_for(found.name or project.name),
        "branch": project.branch,
        "commands": commands,
    }
    files = Open(
        "no file is compared: name what build makes under artifacts, such as dist/",
        found.place,
        f"{PAGE}#front-ends",
    )
    return Fit("node", values, (files,) if "build" in dict(found.scripts) else ())


def site(project: Project) -> Fit | NotYet | None:
    """The files of a static site as they are; None when the folder holds none."""
    if not project.sites:
        return None
    found = project.sites[0]
    artifacts = list(found.files) if found.folder == "." else [f"{found.folder}/"]
    if len(artifacts) > MAX_ARTIFACTS_PER_STAGE:
        text = (
            f"{len(artifacts)} files in the root: at most {MAX_ARTIFACTS_PER_STAGE} can be named; "
            "put the site into a folder, such as public"
        )
        return NotYet((Open(text, found.place, f"{PAGE}#front-ends"),))
    if len(found.files) > MAX_MANIFEST_FILES:
        text = f"{len(found.files)} files: a stage may give at most {MAX_MANIFEST_FILES}"
        return NotYet((Open(text, found.place, f"{PAGE}#front-ends"),))
    for file in found.files:
        try:
            check_artifact_path(file)
        except ValueError as error:
            text = f"cannot be an artifact: its path {error}"
            return NotYet((Open(text, None, f"{PAGE}#front-ends"),))
    values: Values = {
        "name": name_for(project.name),
        "branch": project.branch,
        "index": found.place.file,
        "files": artifacts,
    }
    upload = Open(
        "operators agree on the files, and they are kept; no canister gets them",
        found.place,
        f"{PAGE}#front-ends",
    )
    return Fit("static", values, (upload,))
