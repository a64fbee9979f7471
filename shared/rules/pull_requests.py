"""What runs of pull requests may do. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.pipeline import PipelineInput
    from shared.types.run import PullRequest

TYPES = ("opened", "synchronize", "reopened", "ready_for_review", "labeled")
"""What happens to a pull request, of all that forges tell, that a trigger may want."""
USUAL_TYPES = ("opened", "synchronize", "reopened")
HEAD_REFS = {
    "github": "refs/pull/{}/head",
    "gitea": "refs/pull/{}/head",
    "gitlab": "refs/merge-requests/{}/head",
}
"""Where a forge shows the head of a pull request in the repository that it is to be merged into."""


def head_ref(provider: str, number: int) -> str:
    """The ref under which executors find the head of a fork's pull request."""
    return HEAD_REFS[provider].replace("{}", str(number))


def limit(pipeline: "PipelineInput", pull_request: "PullRequest | None") -> None:
    """Take out of the pipeline what a run of this pull request may not do.

    It deploys nothing, unless its trigger says so; of a fork it has no secrets, and neither uses
    nor leaves results that are used again.
    """
    if pull_request is None:
        return
    if pull_request["fork"] or not pull_request["deploys"]:
        pipeline["deploy"] = None
        pipeline["deploys"] = None
    if pull_request["fork"]:
        for stage in pipeline["stages"]:
            stage["secrets"] = None
            stage["cache"] = None
