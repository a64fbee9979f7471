"""Rules for registering repositories and their secrets. Plain Python."""

from canisters.webhook.providers import gitlab
from shared.rules.limits import (
    MAX_SECRET_BYTES,
    MAX_SECRETS_PER_REPOSITORY,
    MAX_TEXT_CHARS,
    MIN_SECRET_BYTES,
)
from shared.rules.names import name_problem
from shared.rules.not_yet import OTHER_CLONE_URLS

CLONE_SCHEMES = ("https://", "http://")


def secret_problem(secret: bytes, provider: str) -> "str | None":
    """Why a secret is refused, or None. Never repeats the secret. `provider`: as in paths."""
    if not MIN_SECRET_BYTES <= len(secret) <= MAX_SECRET_BYTES:
        return (
            f"the secret has {len(secret)} bytes: use {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} "
            "(MIN_SECRET_BYTES, MAX_SECRET_BYTES)"
        )
    return gitlab.secret_problem(secret) if provider == "gitlab" else None


def clone_url_problem(url: str) -> "str | None":
    """Why a clone URL is refused, or None. Credentials are no part of it: everyone may read it."""
    if len(url) > MAX_TEXT_CHARS:
        return f"clone_url has {len(url)} characters, over {MAX_TEXT_CHARS} (MAX_TEXT_CHARS)"
    scheme = next((scheme for scheme in CLONE_SCHEMES if url.startswith(scheme)), None)
    if scheme is None:
        return OTHER_CLONE_URLS.sentence()
    host = url[len(scheme) :].split("/", 1)[0]
    if not host or "@" in host:
        return "clone_url must name a host and hold no user or password: everyone may read it"
    if not url.isascii() or any(letter <= " " or letter == "\x7f" for letter in url):
        return "clone_url may hold only visible ASCII characters"
    return None


def registration_problem(
    repository: str, provider: str, clone_url: str, secret: bytes
) -> "str | None":
    """Why a repository cannot be registered, or None."""
    problem = name_problem("repository", repository)
    if problem is not None:
        return problem
    return clone_url_problem(clone_url) or secret_problem(secret, provider)


def with_new_secret(live: "list[bytes]", secret: bytes) -> "list[bytes]":
    """Live secrets after a rotation, newest last; the oldest goes when there are too many."""
    kept = [old for old in live if old != secret]
    return [*kept, secret][-MAX_SECRETS_PER_REPOSITORY:]
