"""Names of branches and tags, and the patterns that triggers match them with. Plain Python.

A pattern is a ref name in which `?` stands for one character other than `/`, `*` for any number of
them, and `**` for any number of characters at all, as in a shell's path names.
"""

from shared.rules.limits import MAX_REF_CHARS
from shared.rules.not_yet import EXCLUDING_PATTERNS

BRANCH_PREFIX = "refs/heads/"
TAG_PREFIX = "refs/tags/"
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
    """Why `pattern` can match no ref name, or None when it is usable."""
    if pattern.startswith("!"):
        return EXCLUDING_PATTERNS.sentence()
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


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` fits `pattern`; time is at most len(pattern) x len(name)."""
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


def matches_any(patterns: "list[str]", name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)
