"""A report as a status of its commit: context, state, description and link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dcanary.client.types.webhook import Report

State = Literal["pending", "running", "success", "failure", "error", "cancelled", "skipped"]

PREFIX = "dcanary/"
MAX_DESCRIPTION_CHARS = 140
"""What GitHub takes at most; the others take more."""

WORDS: dict[str, tuple[State, str]] = {
    "Queued": ("pending", "is queued"),
    "Running": ("running", "is being built"),
    "Building": ("running", "is being built"),
    "Storing": ("running", "is agreed, its files are being stored"),
    "Approving": ("pending", "waits for approval"),
    "Releasing": ("running", "is being released"),
    "Released": ("success", "is released"),
    "Succeeded": ("success", "has succeeded"),
    "Skipped": ("skipped", "was not built: the run has ended"),
    "Withdrawn": ("cancelled", "is not released: its request was withdrawn"),
    "Failed": ("failure", "has failed"),
    "Disagreed": ("failure", "operators disagree"),
    "Inconclusive": ("error", "has no result"),
    "Rejected": ("failure", "is rejected"),
    "Cancelled": ("cancelled", "was cancelled"),
    "Refused": ("error", "was refused"),
}
"""State of a report -> state of the status, and what is said of it."""


@dataclass(frozen=True)
class Status:
    """What a forge is told of a commit. `ref` is the full name of the branch or tag."""

    sha: str
    ref: str
    context: str
    state: State
    description: str
    url: str


def context_of(report: Report) -> str:
    """`dcanary/<pipeline>` for a run, `dcanary/<stage>` for a stage, `dcanary/deploy/<target>`.

    A stage that is called like its pipeline is told from it: `dcanary/<pipeline>/<stage>`.
    """
    pipeline = report["pipeline"] or report["repository"]
    ((kind, name),) = report["subject"].items()
    if kind == "Target":
        return f"{PREFIX}deploy/{name}"
    if kind == "Stage":
        return f"{PREFIX}{name}" if name != pipeline else f"{PREFIX}{pipeline}/{name}"
    return f"{PREFIX}{pipeline}"


def status_of(report: Report, link: str = "") -> Status:
    """The status that a report asks for.

    `link` is where people read more: `{run}`, `{repository}` and `{sha}` in it are filled in.
    """
    ((word, why),) = report["state"].items()
    state, said = WORDS[word]
    text = f"{report['run']} {said}"
    if why:
        text = f"{text}: {why}"
    elif report["record"] and word in ("Approving", "Releasing", "Released"):
        text = f"{text}: {report['record']}"
    return Status(
        sha=report["sha"],
        ref=report["ref"],
        context=context_of(report),
        state=state,
        description=shortened(text),
        url=link_of(link, report),
    )


def shortened(text: str) -> str:
    """One line of at most MAX_DESCRIPTION_CHARS, without control characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(line) <= MAX_DESCRIPTION_CHARS:
        return line
    return line[: MAX_DESCRIPTION_CHARS - 1].rstrip() + "…"


def link_of(template: str, report: Report) -> str:
    link = template
    for name in ("run", "repository", "sha"):
        link = link.replace(f"{{{name}}}", str(report[name]))
    return link
