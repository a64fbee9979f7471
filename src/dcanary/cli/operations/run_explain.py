"""Why a run is as it is, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.operations.watch import state_of

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run

NEXT = {
    "Queued": "it waits for executors: dcanary queue, dcanary executor list",
    "Running": "executors build it: dcanary run watch {run}, dcanary run jobs {run}",
    "Approving": "people decide: dcanary approval show {approval}",
    "Releasing": "it is brought to its target: dcanary release watch {release}",
    "Succeeded": "all that it does is done: dcanary run show {run}",
    "Failed": "what a commit does wrong only another commit mends: it starts a run of its own",
    "Rejected": "after a change of mind people can be asked again: dcanary run retry {run}",
    "Disagreed": "operators made different bytes: dcanary run show {run} names them and the files; "
    "dcanary run local --compare {run} says which yours are",
    "Inconclusive": "too few operators voted in time: dcanary executor list; the commit can be "
    "built again: dcanary run start {repository} --sha {sha}",
    "Cancelled": "it can be started again: dcanary run start {repository} --sha {sha}",
}
"""State of a run -> what it means for those who look at it."""


def what_to_do(found: Run) -> str:
    """What goes on, and the commands to look further or to act."""
    several = found["targets"] or []
    state = state_of(found)
    if state == "Approving" and (len(several) > 1 or not found["approval"]):
        return f"people decide, about each target: dcanary run show {found['run']}"
    if state == "Releasing" and (len(several) > 1 or not found["release"]):
        return f"it is brought to its targets: dcanary run show {found['run']}"
    source = found["source"]
    return NEXT[state].format(
        run=found["run"],
        approval=found["approval"],
        release=found["release"],
        repository=source["repository"],
        sha=source["sha"],
    )
