"""Artifact paths: relative to the checkout, in one spelling only. Plain Python.

An entry of a stage's `artifacts` is such a path, a folder (`dist/`: all that lies in it), or a
pattern, in which `*`, `?` and `**` mean what they mean in the patterns of branches.
"""

from shared.rules.limits import MAX_PATH_CHARS
from shared.rules.patterns import matches


def path_problem(path: str) -> "str | None":
    """Why `path` cannot name an artifact, or None when it can."""
    if not path or len(path) > MAX_PATH_CHARS:
        return f"a path has 1 to {MAX_PATH_CHARS} characters (MAX_PATH_CHARS)"
    if path.startswith("/"):
        return "a path is relative to the checkout: leave out the leading `/`"
    if any(letter < " " or letter in "\x7f\\" for letter in path):
        return "a path holds no backslash and no control characters"
    if any(letter in "*?[" for letter in path):
        return "a path of one file holds none of `*`, `?` and `[`"
    for part in path.split("/"):
        if part == "..":
            return "a path may not leave the checkout: `..` is refused"
        if part in ("", "."):
            return "a path is written without `.`, `//` or a trailing `/`"
    return None


def artifact_problem(artifact: str) -> "str | None":
    """Why no file can be what an entry of `artifacts` names, or None."""
    plain = artifact[:-1] if artifact.endswith("/") else artifact
    return path_problem(plain.replace("*", "x").replace("?", "x"))


def lists(artifacts: "list[str]", path: str) -> bool:
    """Whether one of the entries names the file `path`."""
    return any(
        matches(artifact + "**" if artifact.endswith("/") else artifact, path)
        for artifact in artifacts
    )


def may_list_below(artifacts: "list[str]", folder: str) -> bool:
    """Whether an entry could name a file in `folder`, which ends in `/`."""
    for artifact in artifacts:
        start = artifact.replace("?", "*").split("*", 1)[0]
        is_open = start != artifact or artifact.endswith("/")
        if start.startswith(folder) or (is_open and folder.startswith(start)):
            return True
    return False
