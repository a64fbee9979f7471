"""Forms that names must have. Plain Python; each function says why a value is refused."""

from shared.rules.limits import MAX_NAME_CHARS

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_HEX = frozenset("0123456789abcdef")


def name_problem(word: str, name: str) -> "str | None":
    """For names in URLs and ids: a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit."""
    if not name or len(name) > MAX_NAME_CHARS:
        return f"{word} has {len(name)} characters: use 1 to {MAX_NAME_CHARS} (MAX_NAME_CHARS)"
    if name[0] not in _LOWER or any(c not in _LOWER and c not in "._-" for c in name):
        return f"{word} may hold a-z, 0-9, `.`, `_`, `-` and starts with a letter or a digit"
    if ".." in name:
        return f"{word} may not hold `..`"
    return None


def is_commit_id(sha: str) -> bool:
    """40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits, not all zero."""
    return len(sha) in (40, 64) and all(c in _HEX for c in sha) and sha.strip("0") != ""


def is_null_commit(sha: str) -> bool:
    """The all-zero id by which forges say that a ref did not exist or exists no more."""
    return len(sha) in (40, 64) and sha.strip("0") == ""


def clean_text(value: str, max_chars: int) -> str:
    """Text that Candid can carry: at most `max_chars`, lone surrogates replaced."""
    return value[:max_chars].encode("utf-8", "replace").decode("utf-8")
