"""Where a repository is on its forge, and the token for it. A token goes to the place that it was
given for, and nowhere else: whoever registers a repository chooses its clone URL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dcanary.client.errors import ConfigError
from dcanary.client.http import is_loopback

LOCAL_OWNER = "local"
"""Who owns the repositories of `dcanary forge`, whose clone URLs do not say it."""
TOKENS_VARIABLE = "DCANARY_REPORTER_TOKENS"
MAX_TOKEN_CHARS = 4_096


class PlaceProblem(Exception):
    """Nothing can be posted for a repository; the text says why and what to do."""


@dataclass(frozen=True)
class Place:
    """`root` is scheme and host, `host` the latter with its port, `path` is owner and name."""

    provider: str
    root: str
    host: str
    path: str


def place_of(provider: str, clone_url: str) -> Place:
    """Where statuses of a repository are posted. Raises PlaceProblem."""
    parts = urlsplit(clone_url)
    if parts.scheme == "http" and not is_loopback(clone_url):
        raise PlaceProblem(
            f"the clone URL {clone_url[:200]} is not https: a token is not sent in the clear"
        )
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in ("http", "https") or not parts.hostname or not path:
        raise PlaceProblem(f"the clone URL {clone_url[:200]} names no repository of a forge")
    if "/" not in path:
        path = f"{LOCAL_OWNER}/{path}"
    host = parts.netloc.rpartition("@")[2].lower()
    return Place(provider, f"{parts.scheme}://{host}", host, path)


@dataclass
class Tokens:
    """Tokens by `host` or `host/path`: the longest that a place begins with is its own."""

    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, where: str, token: str) -> None:
        """Raises ConfigError for what is no host or no token."""
        key = where.lower().strip("/")
        if not key or "://" in key or "@" in key:
            raise ConfigError(
                f"{where[:200]!r} is no place for a token: give a host such as github.com, or "
                "github.com/OWNER"
            )
        if not 1 <= len(token) <= MAX_TOKEN_CHARS or not token.isascii() or not token.isprintable():
            raise ConfigError(f"the token for {key} is empty or not one line of ASCII")
        self._tokens[key] = token

    def add_all(self, other: Tokens) -> None:
        """The other's too; they win over these."""
        self._tokens.update(other._tokens)

    def for_place(self, place: Place) -> tuple[str, str]:
        """The key and the token. Raises PlaceProblem when there is none."""
        whole = f"{place.host}/{place.path.lower()}"
        fitting = [key for key in self._tokens if whole == key or whole.startswith(f"{key}/")]
        if not fitting:
            raise PlaceProblem(
                f"there is no token for {place.host}: --token-file {place.host}=FILE"
            )
        key = max(fitting, key=len)
        return key, self._tokens[key]

    def hide(self, text: str) -> str:
        """A text without any of the tokens, whoever wrote it."""
        for token in self._tokens.values():
            text = text.replace(token, "***")
        return text


def read_tokens(files: Iterable[str], environment: Mapping[str, str] = os.environ) -> Tokens:
    """The tokens of `PLACE=FILE` options, and of `PLACE=TOKEN` words in DCANARY_REPORTER_TOKENS.

    Raises ConfigError; the message has no token.
    """
    found = Tokens()
    for word in environment.get(TOKENS_VARIABLE, "").split():
        where, separator, token = word.partition("=")
        if not separator:
            raise ConfigError(f"{TOKENS_VARIABLE} has a word that is not PLACE=TOKEN")
        found.add(where, token)
    for option in files:
        where, separator, name = option.partition("=")
        if not separator:
            raise ConfigError(f"--token-file {option[:200]} is not PLACE=FILE")
        try:
            token = Path(name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise ConfigError(f"cannot read the token file {name}: {why}") from None
        found.add(where, token)
    return found
