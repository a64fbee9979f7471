"""What people are told of a run of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import PullRequest

OF_A_FORK = "nothing: the commit comes from a fork; nor does the run get secrets"
UNLESS_SAID = "nothing: it is the run of a pull request, and its trigger does not say deploy: true"


def told(pull: PullRequest | None) -> dict[str, object]:
    """Which pull request it is, where it comes from, and why its run deploys nothing."""
    if pull is None:
        return {}
    shown: dict[str, object] = {
        "pull request": f"{pull['number']}: {pull['title']}",
        "merges": f"{pull['head']} of {pull['head_repository']} into {pull['target']}",
    }
    if pull["fork"]:
        shown["deploys"] = OF_A_FORK
    elif not pull["deploys"]:
        shown["deploys"] = UNLESS_SAID
    return shown
