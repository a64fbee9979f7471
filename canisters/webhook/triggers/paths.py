"""Whether a change touches the files that a trigger wants. Plain Python."""

from shared.rules.patterns import has_fixed_ends, is_simple, takes, without_mark

NOT_LISTED = "the delivery does not list all changed files, so path filters count as matching"
TOO_MANY = (
    "its files are too many for the path filters (MAX_FILTER_STEPS), which so count as matching"
)


def steps_of(patterns: "list[str]", paths: "list[str]") -> int:
    """What it costs at most to match these paths: a step for each look of a pattern at a path.

    Where the looks at both ends do not decide, each letter is walked over by as many states as the
    pattern has stars, at most.
    """
    steps = len(patterns) * len(paths)
    for pattern in patterns:
        plain = without_mark(pattern)
        if not is_simple(plain):
            letters = sum(len(path) for path in paths if has_fixed_ends(plain, path))
            steps += letters * (1 + plain.count("*"))
    return steps


def wants(
    paths: "list[str] | None", only: "list[str]", ignored: "list[str]", most_steps: int
) -> "tuple[bool, str | None]":
    """Whether a filter lets a change of these paths through, and what it could not look at.

    `paths` is None when the forge has not listed all of them.
    """
    if not only and not ignored:
        return True, None
    if paths is None:
        return True, NOT_LISTED
    # The exact count costs as much as the looks themselves.
    looks = (len(only) + len(ignored)) * len(paths)
    if looks > most_steps or steps_of(only, paths) + steps_of(ignored, paths) > most_steps:
        return True, TOO_MANY
    left = [path for path in paths if not ignored or not takes(ignored, path)]
    return any(not only or takes(only, path) for path in left), None
