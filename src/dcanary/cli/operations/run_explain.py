"""Why a run is as it is, and what a person can do about it.

What is to be done follows from the cause, not from the state alone: a failed release is not the
commit's fault, and a run that nobody builds does not go on by itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dcanary.cli.operations.targets import NOTHING
from dcanary.cli.operations.watch import state_of

if TYPE_CHECKING:
    from dcanary.client.types.build_executor import Run, TargetStatus

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
    "built again: {again}",
    "Cancelled": "it can be started again: {again}",
}
"""State of a run -> what it means for those who look at it, where the cause says no more."""
WAITING = (
    (r"verification (?:takes|withdraws) [^,]*, which was not possible yet|verification does not "
     r"take part", "canisters try again by themselves: dcanary system status"),
    (r"no executor that fits is able .*[sS]ecret", "dcanary secret list, dcanary secret set; or "
     "dcanary run cancel {run}"),
    (r"no executor that fits is able", "start an executor of another version or offer: dcanary "
     "executor list; or dcanary run cancel {run}"),
    (r"no executor offers|\d+ operators must agree|no executor is registered", "start executors "
     "that offer it: dcanary executor list, dcanary executor start"),
    (r"no executor\b.*: start one", "start an executor: dcanary executor list tells which are "
     "away, dcanary executor start"),
    (r"all executors that fit are busy|its turn", "its turn comes by itself: dcanary queue"),
    (r"the next attempt after a failure", "it is tried again by itself; what went wrong: dcanary "
     "run jobs {run}"),
    (r"\d+ operators must read the same commit", "executors read it at the repository, and are "
     "asked again: dcanary executor list"),
    (r"\d+ of \d+ operators have committed, which is the quorum: the others have until "
     r"(?P<until>[0-9: UTC-]+)$", "the stage ends at {until} by itself, or earlier with the result "
     "of a further operator: dcanary executor list"),
    (r"operator \S+ uploads the agreed files|an operator that agreed brings", "operators that "
     "agreed bring the files: dcanary run jobs {run}, dcanary executor list"),
)  # fmt: skip
"""How a reason of waiting begins -> what follows for people. The first that is found counts, also
of the several that a run may wait for: those that need somebody come first. Only its beginning is
the canister's own: what an executor, a repository or a module said comes after."""
MADE_BY_COMMIT = "report that the stage failed"
"""Operators agree on it: the commit does it wherever it is built."""
NOT_THERE = " is not in the repository, as "
"""Operators read it of the ref of a run that was started without a commit."""
REJECTED = (
    (r"is blocked: withdrawn", "people can be asked again: dcanary run retry {run}"),
    (r"is blocked", "what must be so before people are asked was not: dcanary approval show "
     "{approval} names it. Another commit or pipeline mends that; then also: dcanary run retry "
     "{run}"),
    (r"is superseded", "a newer run was approved for its target since; to go back, take its "
     "release back: dcanary release list, dcanary release rollback"),
    (r"expired", "too few decided in time; people can be asked again: dcanary run retry {run}"),
)  # fmt: skip


def what_to_do(
    found: Run, taken_back: Mapping[str, str] = NOTHING, outdated: Sequence[str] = ()
) -> str:
    """What goes on, and the commands to look further or to act.

    `taken_back`: releases of the run that were rolled back, each with the release that did it.
    `outdated`: its approval requests whose targets have changed since.
    """
    source = found["source"]
    if outdated:
        return (
            f"{', '.join(outdated)}: the target has changed since, and the order is not carried "
            f"out, also when it is approved (dcanary approval show {outdated[0]}). People are "
            f"asked about what is there now with: dcanary run retry {found['run']}"
        )
    return _template(found, taken_back).format(
        run=found["run"],
        repository=source["repository"],
        approval=found["approval"],
        release=found["release"],
        again=f"dcanary run start {source['repository']} "
        + (f"--sha {source['sha']}" if source["sha"] else f"--ref {shlex.quote(source['ref'])}"),
    )


def _template(found: Run, taken_back: Mapping[str, str]) -> str:
    several = found["targets"] or []
    state = state_of(found)
    waits = _of_waiting(found)
    if waits:
        return waits
    if state == "Approving" and (len(several) > 1 or not found["approval"]):
        return "people decide, about each target: dcanary run show {run}"
    if state == "Releasing" and (len(several) > 1 or not found["release"]):
        return "it is brought to its targets: dcanary run show {run}"
    if state == "Succeeded" and taken_back:
        # Version 0.1.0 took back within the release: there is none that could be taken back again.
        shown = dict.fromkeys(by or name for name, by in taken_back.items())
        by = ", ".join(f"dcanary release show {one}" for one in shown)
        first = next(iter(taken_back.values()))
        if not first:
            return f"what it released was taken back since: {by}. To build it again: {{again}}"
        return (
            f"what it released was taken back since: {by}. To have it again: dcanary release "
            f"rollback {first}"
        )
    if state in ("Failed", "Rejected"):
        return _of_end(found, state)
    return NEXT[state]


def _of_waiting(found: Run) -> str:
    """What follows from what a run waits for; empty where it goes on as its state says."""
    reasons = [one["reason"] for one in found["waiting_for"] or []]
    for pattern, told in WAITING:
        for reason in reasons:
            matched = re.match(pattern, reason, re.DOTALL)
            if matched is not None:
                return told.replace("{until}", matched.groupdict().get("until", ""))
    return ""


def _of_end(found: Run, state: str) -> str:
    """What follows from the reason of a run that failed or was rejected."""
    for one in found["targets"] or []:
        why = dict[str, object](one["state"]).get(state)
        if why is not None:
            told = _of_failed(one, str(why)) if state == "Failed" else _of_rejected(str(why))
            # In the words of its own records: the run names those of one target only.
            release, approval = one["release"] or "", one["approval"] or ""
            return told.replace("{release}", release).replace("{approval}", approval)
    reason = str(next(iter(found["state"].values())) or "")
    if state == "Failed" and not found["source"]["sha"] and NOT_THERE in reason:
        return (
            "operators found no commit there. Push it, or name a branch or tag that is at the "
            "repository: dcanary run start {repository} --ref NAME"
        )
    if state == "Failed" and reason and MADE_BY_COMMIT not in reason and found["stages"]:
        return (
            "that is not what the commit does wherever it is built: dcanary run show {run}; it can "
            "be built again: {again}"
        )
    return NEXT[state]


def _of_failed(one: TargetStatus, why: str) -> str:
    """Never a command that stands in the reason: a module's trap says what its author likes."""
    release = f"{one['release']}: "
    if why.startswith(f"{release}ConcurrentChange: "):
        return (
            "somebody else changed the canister; what was built stays agreed: dcanary run retry "
            "{run} asks people again, about what is there now"
        )
    if why.startswith(f"{release}Starting: "):
        return (
            "the module is installed, and not installed again: dcanary target start "
            f"{one['target']} where it is stopped, or dcanary release rollback {{release}} takes "
            "it back; dcanary run retry {run} asks people about what is there now"
        )
    if why.startswith(release):
        return (
            "what was built stays agreed. When the cause is gone, dcanary release retry {release} "
            "carries the same order out again, and dcanary run retry {run} asks people again"
        )
    if one["approval"] and why.startswith(f"{one['approval']}: "):
        return (
            "what was built stays agreed: dcanary release retry {approval} carries the same order "
            "out, dcanary run retry {run} asks people again"
        )
    return (
        "what was built stays agreed. When what the reason names is mended, people are asked: "
        "dcanary run retry {run}"
    )


def _of_rejected(why: str) -> str:
    # What the canister says itself: the comment of who rejected it comes after.
    said = why.partition(" was rejected")[0]
    for pattern, told in REJECTED:
        if re.search(pattern, said):
            return told
    return NEXT["Rejected"]
