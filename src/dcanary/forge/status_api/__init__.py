"""The APIs by which commits get statuses, one file a forge, each as that forge documents it.

A repository answers at the API of the forge that it stands for, and at no other.
"""

from __future__ import annotations

from starlette.routing import Route

from dcanary.forge.layout import Layout
from dcanary.forge.status_api import bitbucket, gitea, github, gitlab
from dcanary.forge.status_api.access import Access


def routes(layout: Layout) -> list[Route]:
    """The routes of all kinds."""
    access = Access(layout)
    return [
        *github.routes(access),
        *gitea.routes(access),
        *gitlab.routes(access),
        *bitbucket.routes(access),
    ]
