"""How each forge takes statuses: one file a forge behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dcanary.reporter.forges import bitbucket, gitea, github, gitlab
from dcanary.reporter.forges.seen import Page, Seen
from dcanary.reporter.places import Place
from dcanary.reporter.statuses import Status

__all__ = ["FORGES", "Page", "Seen", "StatusForge"]


@dataclass(frozen=True)
class StatusForge:
    """A forge, as pure functions: nothing here connects to anything.

    `headers_of` a token; `post_of` a place and a status is the URL and the JSON to post;
    `list_url` is where the statuses of a commit are read, and `page_of` what an answer says of
    them. `wanted` is the status as the forge will show it. `only_state`: a status is not posted
    again for another description. `is_repeat` tells of a refusal that says the status is there.
    """

    headers_of: Callable[[str], dict[str, str]]
    post_of: Callable[[Place, Status], tuple[str, dict[str, str]]]
    list_url: Callable[[Place, str], str]
    page_of: Callable[[Any], Page]
    wanted: Callable[[Status], Seen]
    only_state: bool = False
    is_repeat: Callable[[int, str], bool] = field(default=lambda status, text: False)


FORGES = {
    "GitHub": StatusForge(
        github.headers_of, github.post_of, github.list_url, github.page_of, github.wanted
    ),
    "Gitea": StatusForge(
        gitea.headers_of, gitea.post_of, gitea.list_url, gitea.page_of, gitea.wanted
    ),
    "GitLab": StatusForge(
        gitlab.headers_of,
        gitlab.post_of,
        gitlab.list_url,
        gitlab.page_of,
        gitlab.wanted,
        only_state=True,
        is_repeat=gitlab.is_repeat,
    ),
    "Bitbucket": StatusForge(
        bitbucket.headers_of,
        bitbucket.post_of,
        bitbucket.list_url,
        bitbucket.page_of,
        bitbucket.wanted,
    ),
}
"""Cases of `Provider` -> how statuses are posted."""
