"""The files that the commits of a push changed, where its payload lists all. Plain Python."""

LISTS = ("added", "removed", "modified")


def changed_paths(commits: object, count: int) -> "list[str] | None":
    """The paths that `count` commits changed, each once; None when the list is not whole.

    A push without commits tells nothing: a new branch at a commit of another one looks like that.
    """
    if not isinstance(commits, list) or not commits or len(commits) != count:
        return None
    found: dict[str, None] = {}
    for commit in commits:
        for key in LISTS:
            paths = commit.get(key) if isinstance(commit, dict) else None
            if not isinstance(paths, list):
                return None
            for path in paths:
                if not isinstance(path, str):
                    return None
                found[path] = None
    return list(found)


def count_of(value: object) -> int:
    """A number of commits that a payload names; -1, which no list has, for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
