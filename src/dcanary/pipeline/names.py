"""Rules of the names inside a pipeline: stages, variables, artifact paths, principals."""

import base64
import binascii
import re
import zlib

from dcanary.pipeline.limits import MAX_NAME_CHARS, MAX_PATH_CHARS
from dcanary.pipeline.patterns import WILDCARDS

EXCLUDES = "!"
"""Before a pattern: it takes out what those before it have taken in."""
ANONYMOUS = "2vxsx-fae"
MANAGEMENT = "aaaaa-aa"
RESERVED_VARIABLES = frozenset(
    {"HOME", "PATH", "PWD", "TMPDIR", "LANG", "TZ", "SOURCE_DATE_EPOCH", "USER", "SHELL"}
)
_NOT_IN_REFS = frozenset(" ~^:?*[\\")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SECRET = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_PATH_CHARACTERS = re.compile(r"[A-Za-z0-9._+@=,/ -]+", re.ASCII)


def check_name(text: str) -> str:
    """A name of a pipeline, stage or target. Raises ValueError when it is not one."""
    if len(text) > MAX_NAME_CHARS:
        raise ValueError(f"must have at most {MAX_NAME_CHARS} characters")
    if not _NAME.fullmatch(text):
        raise ValueError(
            "must be lower-case letters, digits, '.', '_' or '-', starting with a letter or digit"
        )
    if ".." in text:
        raise ValueError("must not hold '..'")
    return text


def check_pattern(text: str) -> str:
    """A pattern that can match a branch or tag, or with `!` before it one that excludes.

    Raises ValueError when it can match none. Source of the rules of names:
    git-check-ref-format(1).
    """
    name = text.removeprefix(EXCLUDES).replace("*", "x").replace("?", "x")
    wrong = (
        not name
        or name == "@"
        or name.endswith(".")
        or ".." in name
        or "@{" in name
        or any(not letter.isprintable() or letter in _NOT_IN_REFS for letter in name)
        or any(
            not part or part.startswith(".") or part.endswith(".lock") for part in name.split("/")
        )
    )
    if wrong:
        raise ValueError("must be a pattern of branch or tag names such as main, release/* or v?.*")
    return text


def check_text_pattern(text: str) -> str:
    """A pattern of texts, with or without `!` before it. Raises ValueError when it is none."""
    pattern = text.removeprefix(EXCLUDES)
    if not pattern or not pattern.isprintable():
        raise ValueError("must be a pattern of visible characters, such as renovate*")
    return text


def check_path_pattern(text: str) -> str:
    """A pattern of paths in a repository, with or without `!`. Raises ValueError otherwise."""
    pattern = text.removeprefix(EXCLUDES)
    if pattern.startswith("/") or pattern.endswith("/"):
        raise ValueError(
            "must begin at the root of the repository, without a '/'; write docs/** for a folder"
        )
    return check_text_pattern(text)


def check_variable(name: str) -> str:
    """A name of an environment variable that a stage may set. Raises ValueError otherwise."""
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"the variable name must have at most {MAX_NAME_CHARS} characters")
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the variable name must be letters, digits or '_', not a digit first")
    if name in RESERVED_VARIABLES or name.startswith(("DCANARY_", "LD_")):
        raise ValueError(f"{name} is set by the executor: choose another variable name")
    return name


def check_secret(name: str) -> str:
    """A name of a secret, which is that of the variable too. Raises ValueError otherwise."""
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"the secret's name must have at most {MAX_NAME_CHARS} characters")
    if not _SECRET.fullmatch(name):
        raise ValueError("the secret's name must be A-Z, 0-9 and '_', a letter first")
    if name in RESERVED_VARIABLES or name == "CI" or name.startswith(("DCANARY_", "LD_")):
        raise ValueError(f"{name} is set by the executor: choose another name for the secret")
    return name


def check_artifact(artifact: str) -> str:
    """An entry of `artifacts`: a path, a folder such as dist/, or a pattern such as build/*.wasm.

    Raises ValueError when it can take no file.
    """
    plain = artifact.removesuffix("/")
    for wildcard in WILDCARDS:
        plain = plain.replace(wildcard, "x")
    check_artifact_path(plain)
    return artifact


def check_artifact_path(path: str) -> str:
    """A normalised path of a file below the checkout. Raises ValueError when it is not one."""
    if not path or len(path) > MAX_PATH_CHARS:
        raise ValueError(f"must have 1 to {MAX_PATH_CHARS} characters")
    if not _PATH_CHARACTERS.fullmatch(path):
        raise ValueError("may hold only ASCII letters, digits and . _ + @ = , / - or space")
    if path.startswith("/"):
        raise ValueError("must be relative to the root of the checkout")
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be normalised: no empty part, no '.', no '..'")
    if parts[0] == ".git":
        raise ValueError("must not be inside .git")
    if path != path.strip():
        raise ValueError("must not start or end with a space")
    return path


def check_folder(path: str) -> str:
    """A folder below the checkout, with a `/` at its end. Raises ValueError when it is not one."""
    return f"{check_artifact_path(path.removesuffix('/'))}/"


def check_principal(text: str) -> str:
    """A textual principal of someone who can sign. Raises ValueError otherwise.

    Source: Internet Computer Interface Specification, "Textual representation of principals".
    """
    if text == ANONYMOUS:
        raise ValueError("must not be the anonymous principal")
    if text == MANAGEMENT:
        raise ValueError("must not be the management canister")
    compact = text.replace("-", "").upper()
    try:
        raw = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    body = raw[4:]
    if not raw or len(body) > 29 or zlib.crc32(body).to_bytes(4, "big") != raw[:4]:
        raise ValueError("must be a principal such as rrkah-fqaaa-aaaaa-aaaaq-cai")
    encoded = base64.b32encode(raw).decode().rstrip("=").lower()
    if "-".join(encoded[at : at + 5] for at in range(0, len(encoded), 5)) != text:
        raise ValueError("must be a principal in its normal form: lower case, groups of five")
    return text
