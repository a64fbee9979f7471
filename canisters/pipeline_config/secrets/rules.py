"""What a secret must be, and which runs are given any. Plain Python."""

from typing import TYPE_CHECKING

from shared.rules.limits import (
    MAX_HOST_KEYS,
    MAX_NAME_CHARS,
    MAX_SEALED_BYTES,
    MAX_SECRET_COPIES,
    MAX_SECRETS_PER_STAGE,
    MAX_TEXT_CHARS,
)
from shared.rules.names import name_problem
from shared.rules.refused import Refused, denied, invalid, too_large
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from shared.types.pipeline import Stage, Variable
    from shared.types.secret import Credential, SealedCopy, SecretInput

KEY_BYTES = 32
HOST_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
RESERVED = (
    "PATH",
    "HOME",
    "PWD",
    "TMPDIR",
    "LANG",
    "TZ",
    "USER",
    "SHELL",
    "CI",
    "SOURCE_DATE_EPOCH",
)
RESERVED_BEGINNINGS = ("DCANARY_", "LD_")
SOURCES = ("refs/heads/", "refs/tags/")
"""Refs of a repository itself. Those of a fork's pull request are others, and get nothing."""

_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LETTERS = _CAPITALS | frozenset("0123456789_")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_USERNAME = _HOST | frozenset("_@+") | _CAPITALS
_BASE64 = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+/=") | _CAPITALS


def secret_name_problem(name: str) -> "str | None":
    """Why `name` cannot name a secret, and so the variable that a stage sees; or None."""
    if not 0 < len(name) <= MAX_NAME_CHARS:
        return f"a secret's name has 1 to {MAX_NAME_CHARS} characters (MAX_NAME_CHARS)"
    if name[0] not in _CAPITALS or any(letter not in _LETTERS for letter in name):
        return f"`{name}` is no name of a secret: use A-Z, 0-9 and `_`, a letter first"
    if name in RESERVED or name.startswith(RESERVED_BEGINNINGS):
        return f"{name} is set by the executor: choose another name for the secret"
    return None


def secrets_problem(stages: "list[Stage]", environment: "list[Variable]") -> "str | None":
    """Why stages cannot ask for the secrets that they list ("stage …: secrets: …"), or None.

    `environment` are the variables of the whole pipeline.
    """
    for stage in stages:
        variables = {each["name"] for each in [*environment, *stage["environment"]]}
        problem = _listed_problem(stage["secrets"] or [], variables)
        if problem is not None:
            return f"stage {stage['name']}: secrets: {problem}"
    return None


def _listed_problem(names: "list[str]", variables: "set[str]") -> "str | None":
    if len(names) > MAX_SECRETS_PER_STAGE:
        return f"{len(names)} of them, over {MAX_SECRETS_PER_STAGE} (MAX_SECRETS_PER_STAGE)"
    if len(set(names)) != len(names):
        return "one is named twice"
    for name in names:
        problem = secret_name_problem(name)
        if problem is not None:
            return problem
        if name in variables:
            return f"{name} is also a variable of environment: rename one of the two"
    return None


def check_name(repository: "str | None", name: str) -> None:
    """Raise Invalid for what cannot name a secret of a repository, or of all."""
    problem = None if repository is None else name_problem("repository", repository)
    problem = problem or secret_name_problem(name)
    if problem is not None:
        raise invalid(problem)


def check_input(given: "SecretInput", author: str) -> None:
    """Raise Refused for copies that cannot be stored."""
    check_name(given["repository"], given["name"])
    copies = given["copies"]
    if not copies:
        raise invalid("copies: sealed to nobody: start an executor first, or name one")
    if len(copies) > MAX_SECRET_COPIES:
        raise too_large(
            f"copies: {len(copies)} of them, over {MAX_SECRET_COPIES} (MAX_SECRET_COPIES): choose "
            "executors with --executor"
        )
    seen: set[str] = set()
    for copy in copies:
        recipient = copy["recipient"].to_str()
        if recipient == ANONYMOUS or recipient in seen:
            raise invalid(f"copies: {recipient} is anonymous, or named twice")
        seen.add(recipient)
        _check_copy(copy, recipient)
    if seen == {author}:
        raise invalid("copies: sealed to no executor: start one first, or name one")


def _check_copy(copy: "SealedCopy", recipient: str) -> None:
    if len(copy["key"]) != KEY_BYTES:
        raise invalid(f"copies: the key of {recipient} has not {KEY_BYTES} bytes (X25519)")
    if len(copy["sealed"]) > MAX_SEALED_BYTES:
        raise too_large(
            f"copies: that of {recipient} has {len(copy['sealed'])} bytes, over "
            f"{MAX_SEALED_BYTES} (MAX_SEALED_BYTES)"
        )


def check_credential(credential: "Credential") -> None:
    """Raise Invalid for what no clone can be made with."""
    check_name(credential["repository"], credential["secret"])
    username = credential["username"]
    if not 0 < len(username) <= MAX_NAME_CHARS or any(c not in _USERNAME for c in username):
        raise invalid(
            f"username: use 1 to {MAX_NAME_CHARS} of a-z A-Z 0-9 . _ - @ + (MAX_NAME_CHARS)"
        )
    address, host_keys = credential["address"], credential["host_keys"]
    if "DeployKey" not in credential["kind"]:
        if address is not None or host_keys is not None:
            raise invalid("address, host_keys: a token is for the clone URL, and has none")
        return
    problem = _address_problem(address or "", username) or _host_keys_problem(host_keys or [])
    if problem is not None:
        raise invalid(problem)


def _address_problem(address: str, username: str) -> "str | None":
    """Why ssh cannot be given this address, or None."""
    if len(address) > MAX_TEXT_CHARS:
        return f"address has {len(address)} characters, over {MAX_TEXT_CHARS} (MAX_TEXT_CHARS)"
    start = f"ssh://{username}@"
    host, _, path = address[len(start) :].partition("/")
    name, colon, port = host.partition(":")
    numbered = port.isdecimal() and 0 < int(port) < 65_536 if colon else True
    # A user or host that begins with a dash would be an option of ssh.
    shaped = not username.startswith("-") and "@" not in username and _is_host(name) and numbered
    if not address.startswith(start) or not shaped or not path:
        return f"address: a deploy key needs one of the form {start}HOST[:PORT]/PATH"
    if not address.isascii() or any(letter <= " " or letter == "\x7f" for letter in address):
        return "address may hold only visible ASCII characters"
    return None


def _is_host(name: str) -> bool:
    return bool(name) and name[0] not in "-." and all(letter in _HOST for letter in name.lower())


def _host_keys_problem(keys: "list[str]") -> "str | None":
    """Why a server cannot be recognized by these keys, or None."""
    if not 0 < len(keys) <= MAX_HOST_KEYS:
        return f"host_keys: give 1 to {MAX_HOST_KEYS} keys of the server (MAX_HOST_KEYS)"
    for key in keys:
        kind, _, content = key.partition(" ")
        if kind not in HOST_KEY_TYPES:
            return f"host_keys: each is TYPE BASE64, TYPE one of {', '.join(HOST_KEY_TYPES)}"
        if not 0 < len(content) <= MAX_TEXT_CHARS or any(each not in _BASE64 for each in content):
            return f"host_keys: the {kind} key is no Base64 of 1 to {MAX_TEXT_CHARS} characters"
    return None


def refusal_of_source(ref: str) -> "Refused | None":
    """Why a run of this ref gets no secrets, or None.

    Only branches and tags of the repository itself: who may push there is decided by its owner.
    Whatever is not known to be one gets none, so that a kind of run that is added later (pull
    requests of forks) has none before somebody decides so.
    """
    if ref.startswith(SOURCES):
        return None
    return denied(
        f"a run of {ref[:80]} gets no secrets: only runs of branches and tags of the repository do"
    )


def scoped(repository: "str | None", name: str) -> str:
    """The key of a secret: `<repository>/<name>`, or `/<name>` for one of all repositories."""
    return f"{repository or ''}/{name}"
