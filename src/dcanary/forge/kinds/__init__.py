"""The kinds of forges that the local one can stand for: how each words and signs a push."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcanary.forge.errors import ForgeError
from dcanary.forge.kinds import bitbucket, gitea, github, gitlab

DEFAULT = "github"
PULL_REFS = ("refs/pull/", "refs/merge-requests/")
"""Below these are the heads of pull requests."""


@dataclass(frozen=True)
class Kind:
    """`event_of` a ref, `payload_of` the payload as GitHub has it, and `headers_of` a delivery: its
    id, event, body, secret and the time in seconds. `pull_event` and the rest are the same of a
    pull request, and the ref that shows its head; "" where there are none."""

    event_of: Callable[[str], str]
    payload_of: Callable[[dict[str, Any]], dict[str, Any]]
    headers_of: Callable[[str, str, bytes, bytes, int], dict[str, str]]
    pull_event: str = ""
    pull_ref: str = "refs/pull/{}/head"
    pull_payload_of: Callable[[dict[str, Any]], dict[str, Any]] = dict


KINDS = {
    "github": Kind(
        github.event_of, github.payload_of, github.headers_of, pull_event=github.PULL_EVENT
    ),
    "gitlab": Kind(
        gitlab.event_of,
        gitlab.payload_of,
        gitlab.headers_of,
        gitlab.PULL_EVENT,
        gitlab.PULL_REF,
        gitlab.pull_payload_of,
    ),
    "bitbucket": Kind(bitbucket.event_of, bitbucket.payload_of, bitbucket.headers_of),
    "gitea": Kind(
        gitea.event_of,
        gitea.payload_of,
        gitea.headers_of,
        gitea.PULL_EVENT,
        pull_payload_of=gitea.pull_payload_of,
    ),
}


def kind_of(provider: str) -> Kind:
    """The kind of a provider. Raises ForgeError for one that is not among KINDS."""
    found = KINDS.get(provider)
    if found is None:
        raise ForgeError(f"{provider[:40]!r} is no kind of forge: use {', '.join(KINDS)}")
    return found
