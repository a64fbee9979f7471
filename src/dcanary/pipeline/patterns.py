"""Which files an entry of `artifacts` takes: a file, a folder, or a pattern.

`?` stands for one character other than `/`, `*` for any number of them, and `**` for any number of
characters at all: what `shared/rules/patterns.py` says of refs; a test compares both. A folder,
written with a `/` at its end, is all that lies in it.
"""

import functools

WILDCARDS = frozenset("*?")


def is_pattern(artifact: str) -> bool:
    """Whether an entry may take any number of files, and not one alone."""
    return artifact.endswith("/") or not WILDCARDS.isdisjoint(artifact)


def matches(artifact: str, path: str) -> bool:
    """Whether an entry takes the file `path`; time is at most len(artifact) x len(path)."""
    tokens = _tokens(artifact)
    # The states of an automaton, and not `re`, which may try every way to part a path.
    states = _with_skips(tokens, {0})
    for letter in path:
        after: set[int] = set()
        for state in states:
            part = tokens[state] if state < len(tokens) else ""
            if part == "**" or (part == "*" and letter != "/"):
                after.add(state)
            elif part == letter or (part == "?" and letter != "/"):
                after.add(state + 1)
        if not after:
            return False
        states = _with_skips(tokens, after)
    return len(tokens) in states


def may_take_below(artifact: str, folder: str) -> bool:
    """Whether an entry could take a file in `folder`, which ends in `/`."""
    start = artifact.replace("?", "*").split("*", 1)[0]
    is_open = start != artifact or artifact.endswith("/")
    return start.startswith(folder) or (is_open and folder.startswith(start))


def fixed_folder(artifact: str) -> str:
    """The folder, from the root of the checkout, that all files of an entry lie below."""
    parts = artifact.split("/")
    fixed = 0
    while fixed < len(parts) - 1 and WILDCARDS.isdisjoint(parts[fixed]):
        fixed += 1
    return "/".join(parts[:fixed])


@functools.lru_cache(maxsize=64)
def _tokens(artifact: str) -> list[str]:
    """Single characters, `*` and `**`."""
    pattern = f"{artifact}**" if artifact.endswith("/") else artifact
    tokens: list[str] = []
    for letter in pattern:
        if letter == "*" and tokens and tokens[-1] in ("*", "**"):
            tokens[-1] = "**"
        else:
            tokens.append(letter)
    return tokens


def _with_skips(tokens: list[str], states: set[int]) -> set[int]:
    """The states and those reached from them by letting stars stand for nothing."""
    reached = set(states)
    for state in states:
        while state < len(tokens) and tokens[state] in ("*", "**"):
            state += 1
            reached.add(state)
    return reached
