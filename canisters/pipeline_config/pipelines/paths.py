"""Artifact paths: relative to the checkout, in one spelling only. Plain Python."""

from shared.rules.limits import MAX_PATH_CHARS
from shared.rules.not_yet import ARTIFACT_WILDCARDS


def path_problem(path: str) -> "str | None":
    """Why `path` cannot name an artifact, or None when it can."""
    if not path or len(path) > MAX_PATH_CHARS:
        return f"a path has 1 to {MAX_PATH_CHARS} characters (MAX_PATH_CHARS)"
    if path.startswith("/"):
        return "a path is relative to the checkout: leave out the leading `/`"
    if any(letter < " " or letter in "\x7f\\" for letter in path):
        return "a path holds no backslash and no control characters"
    if any(letter in "*?[" for letter in path):
        return ARTIFACT_WILDCARDS.sentence()
    for part in path.split("/"):
        if part == "..":
            return "a path may not leave the checkout: `..` is refused"
        if part in ("", "."):
            return "a path is written without `.`, `//` or a trailing `/`"
    return None
