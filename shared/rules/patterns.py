"""Names of branches and tags, and the patterns that triggers match them with. Plain Python.

A pattern is a ref name in which `?` stands for one character other than `/`, `*` for any number of
them, and `**` for any number of characters at all, as in a shell's path names. In a list of them
one that begins with `!` takes out what those before it have taken in: the last that matches
decides.
"""

from shared.rules.limits import MAX_REF_CHARS

BRANCH_PREFIX = "refs/heads/"
TAG_PREFIX = "refs/tags/"
EXCLUDES = "!"
_FORBIDDEN = frozenset(" ~^:?*[\\\x7f")


def ref_name_problem(name: str) -> "str | None":
    """Why `name` (without `refs/heads/`) is no ref name by git's rules, or None when it is.

    Source: git-check-ref-format(1); MAX_REF_CHARS is DCanary's own bound.
    """
    if not name or len(name) > MAX_REF_CHARS:
        return f"a branch or tag name has 1 to {MAX_REF_CHARS} characters"
    if any(
        letter < " " or letter in _FORBIDDEN or "\ud800" <= letter <= "\udfff" for letter in name
    ):
        return "a branch or tag name has no spaces, control characters or any of ~^:?*[\\"
    if ".." in name or "@{" in name or name.endswith(".") or name == "@":
        return "a branch or tag name has no `..`, no `@{` and does not end in a dot"
    for part in name.split("/"):
        if not part or part.startswith(".") or part.endswith(".lock"):
            return "no part of a branch or tag name is empty, starts with a dot or ends in .lock"
    return None


def pattern_problem(pattern: str) -> "str | None":
    """Why `pattern`, without its `!`, can match no ref name, or None when it is usable."""
    problem = ref_name_problem(pattern.replace("*", "x").replace("?", "x"))
    return None if problem is None else f"{problem} (but `*` and `?` as wildcards)"


def _tokens(pattern: str) -> "list[str]":
    """The pattern as single characters, `*` and `**`; runs of more stars mean `**`."""
    tokens: list[str] = []
    for letter in pattern:
        if letter == "*" and tokens and tokens[-1] in ("*", "**"):
            tokens[-1] = "**"
        else:
            tokens.append(letter)
    return tokens


def _with_skips(tokens: "list[str]", states: "set[int]") -> "set[int]":
    """Add the states reached by letting stars stand for nothing."""
    reached = set(states)
    for state in states:
        while state < len(tokens) and tokens[state] in ("*", "**"):
            state += 1
            reached.add(state)
    return reached


def fixed_start(pattern: str) -> str:
    """What every match begins with: all before the first wildcard."""
    return pattern.replace("?", "*").split("*", 1)[0]


def is_simple(pattern: str) -> bool:
    """Whether a pattern is a name, or the start of one with `**` behind: matched in one look."""
    return pattern[len(fixed_start(pattern)) :] in ("", "**")


def has_fixed_ends(pattern: str, name: str) -> bool:
    """Whether a name begins and ends as every match of a pattern with wildcards does."""
    end = pattern.replace("?", "*").rsplit("*", 1)[1]
    return name.startswith(fixed_start(pattern)) and name.endswith(end)


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` fits `pattern`; time is at most len(pattern) x len(name)."""
    start = fixed_start(pattern)
    if is_simple(pattern):
        return name == pattern or (start != pattern and name.startswith(start))
    if not has_fixed_ends(pattern, name):
        return False
    return _walks(pattern[len(start) :], name[len(start) :])


def _walks(pattern: str, name: str) -> bool:
    """The same by an automaton: `re` may try every way to part a name."""
    tokens = _tokens(pattern)
    states = _with_skips(tokens, {0})
    for letter in name:
        after = set()
        for state in states:
            if state == len(tokens):
                continue
            token = tokens[state]
            if token == "**" or (token == "*" and letter != "/"):
                after.add(state)
            elif token == letter or (token == "?" and letter != "/"):
                after.add(state + 1)
        if not after:
            return False
        states = _with_skips(tokens, after)
    return len(tokens) in states


def without_mark(pattern: str) -> str:
    """The pattern that is matched: without the `!` that makes it one that excludes."""
    return pattern[len(EXCLUDES) :] if pattern.startswith(EXCLUDES) else pattern


def takes(patterns: "list[str]", name: str) -> bool:
    """Whether the last of the patterns that matches `name` includes it."""
    taken = False
    for pattern in patterns:
        includes = not pattern.startswith(EXCLUDES)
        if includes != taken and matches(without_mark(pattern), name):
            taken = includes
    return taken


def text_pattern_problem(pattern: str) -> "str | None":
    """Why `pattern`, without its `!`, is no pattern of paths or names, or None when it is one."""
    if not pattern or len(pattern) > MAX_REF_CHARS:
        return f"a pattern has 1 to {MAX_REF_CHARS} characters (MAX_REF_CHARS)"
    if any(
        letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in pattern
    ):
        return "a pattern has no control characters"
    return None


def path_pattern_problem(pattern: str) -> "str | None":
    """Why `pattern`, without its `!`, can match no path of a repository, or None."""
    if pattern.startswith("/") or pattern.endswith("/"):
        return "paths begin at the root, without a `/`; for a folder write docs/**"
    return text_pattern_problem(pattern)
