"""What starts a run: the key `on` of a `dcanary.yml`, and its Candid records both ways."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from dcanary.pipeline import limits, names, zones
from dcanary.pipeline.strict_model import StrictModel


def _including(patterns: list[str]) -> list[str]:
    if patterns and all(pattern.startswith(names.EXCLUDES) for pattern in patterns):
        raise ValueError(
            "patterns that exclude (!…) take out of what those before them take in: begin the list "
            "with one that includes, such as **"
        )
    return patterns


_Short = Field(max_length=limits.MAX_PATTERN_CHARS)
_Few = Field(max_length=limits.MAX_PATTERNS_PER_TRIGGER)
Pattern = Annotated[str, AfterValidator(names.check_pattern), _Short]
PathPattern = Annotated[str, AfterValidator(names.check_path_pattern), _Short]
TextPattern = Annotated[str, AfterValidator(names.check_text_pattern), _Short]
Patterns = Annotated[list[Pattern], AfterValidator(_including), _Few]
PathPatterns = Annotated[list[PathPattern], AfterValidator(_including), _Few]
TextPatterns = Annotated[list[TextPattern], AfterValidator(_including), _Few]


def _check_count(*lists: list[str]) -> None:
    """Raise ValueError when the lists of one trigger have too many patterns together."""
    count = sum(map(len, lists))
    if count > limits.MAX_PATTERNS_PER_TRIGGER:
        raise ValueError(f"has {count} patterns in all: at most {limits.MAX_PATTERNS_PER_TRIGGER}")


class PushFilter(StrictModel):
    """Branches, as patterns with `*`, `?` and `!`, whose pushes start a run, and which pushes."""

    branches: Patterns = Field(min_length=1)
    paths: PathPatterns = []
    paths_ignore: PathPatterns = []
    authors: TextPatterns = []

    @model_validator(mode="after")
    def _bounded(self) -> "PushFilter":
        _check_count(self.branches, self.paths, self.paths_ignore, self.authors)
        return self


class TagFilter(StrictModel):
    """Tags, as patterns, whose creation starts a run."""

    patterns: Patterns = Field(min_length=1)


def _cron(text: str) -> str:
    try:
        if len(text.split()) != 5:
            raise ValueError(
                f"has {len(text.split())} fields, not 5: minute, hour, day of the month, month, "
                "day of the week"
            )
        next(CronSim(text, datetime(2000, 1, 1)))
    except CronSimError as error:
        raise ValueError(
            f"is no cron expression: {str(error)[:1].lower()}{str(error)[1:]}"
        ) from None
    except (StopIteration, RuntimeError):
        raise ValueError("is never due: there is no such day") from None
    return text


def _zone(name: str) -> str:
    zones.rule_of(name)
    return name


class Schedule(StrictModel):
    """Times at which a run starts, of what a branch names then."""

    cron: Annotated[str, AfterValidator(_cron), Field(max_length=limits.MAX_CRON_CHARS)]
    timezone: Annotated[str, AfterValidator(_zone), Field(max_length=64)] = zones.UTC
    branch: Annotated[str, AfterValidator(names.check_pattern), _Short] = "main"

    @model_validator(mode="after")
    def _one_branch(self) -> "Schedule":
        if any(each in self.branch for each in "*?!"):
            raise ValueError("branch is one branch, not a pattern")
        return self


class ReleaseFilter(StrictModel):
    """Releases, by patterns of their tags. Of GitLab only: others name no commit."""

    patterns: Patterns = Field(min_length=1)


PullRequestType = Literal["opened", "synchronize", "reopened", "ready_for_review", "labeled"]


class PullRequestFilter(StrictModel):
    """Pull requests, by the branch that they are to be merged into and by what happens to them.

    `deploy`: what was agreed on goes on to people and targets. Of a fork it never does.
    """

    branches: Annotated[Patterns, Field(min_length=1)] = ["**"]
    types: Annotated[list[PullRequestType], Field(min_length=1)] = [
        "opened",
        "synchronize",
        "reopened",
    ]
    labels: TextPatterns = []
    drafts: bool = False
    deploy: bool = False

    @model_validator(mode="after")
    def _bounded(self) -> "PullRequestFilter":
        _check_count(self.branches, self.labels)
        return self


class Triggers(StrictModel):
    """What starts a run."""

    push: PushFilter | None = None
    tag: TagFilter | None = None
    pull_request: PullRequestFilter | None = None
    release: ReleaseFilter | None = None
    schedule: Annotated[list[Schedule], Field(max_length=limits.MAX_SCHEDULES_PER_PIPELINE)] = []
    manual: bool = True

    @model_validator(mode="after")
    def _some(self) -> "Triggers":
        started = (self.push, self.tag, self.pull_request, self.release, self.schedule)
        if not (any(started) or self.manual):
            raise ValueError(
                "nothing would ever start a run: give push, tag, pull_request, release, schedule "
                "or manual: true"
            )
        return self


def to_candid(on: Triggers) -> list[dict[str, Any]]:
    """The triggers as Candid variants."""
    triggers: list[dict[str, Any]] = []
    if on.push:
        triggers.append(_push(on.push))
    if on.tag:
        triggers.append({"Tag": list(on.tag.patterns)})
    if on.pull_request:
        triggers.append(_pull_request(on.pull_request))
    for each in on.schedule:
        value = {"cron": each.cron, "zone": each.timezone, "rule": zones.rule_of(each.timezone)}
        triggers.append({"Schedule": {**value, "ref": f"refs/heads/{each.branch}"}})
    if on.release:
        triggers.append({"Release": list(on.release.patterns)})
    if on.manual:
        triggers.append({"Manual": None})
    return triggers


def _push(push: PushFilter) -> dict[str, Any]:
    if not (push.paths or push.paths_ignore or push.authors):
        return {"Push": list(push.branches)}
    return {
        "FilteredPush": {
            "branches": list(push.branches),
            "paths": list(push.paths) or None,
            "paths_ignore": list(push.paths_ignore) or None,
            "authors": list(push.authors) or None,
        }
    }


def _pull_request(wanted: PullRequestFilter) -> dict[str, Any]:
    if wanted == PullRequestFilter(branches=wanted.branches):
        return {"PullRequest": list(wanted.branches)}
    usual = PullRequestFilter().types
    return {
        "FilteredPullRequest": {
            "branches": list(wanted.branches),
            "types": None if wanted.types == usual else list(wanted.types),
            "labels": list(wanted.labels) or None,
            "drafts": wanted.drafts or None,
            "deploy": wanted.deploy or None,
        }
    }


def from_candid(triggers: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The values of the key `on`; None for what a file has that says nothing.

    Of several triggers of one kind the patterns are put together, filters are those of the first.
    """
    push = [pattern for trigger in triggers for pattern in trigger.get("Push") or ()]
    filtered = next((each["FilteredPush"] for each in triggers if "FilteredPush" in each), None)
    tag = [pattern for trigger in triggers for pattern in trigger.get("Tag") or ()]
    manual = any("Manual" in trigger for trigger in triggers)
    found: dict[str, Any] = {}
    if push:
        found["push"] = {"branches": push}
    elif filtered is not None:
        found["push"] = {key: _plain(value) for key, value in filtered.items() if value}
    if tag:
        found["tag"] = {"patterns": tag}
    pulls = [pattern for trigger in triggers for pattern in trigger.get("PullRequest") or ()]
    if pulls:
        found["pull_request"] = {"branches": pulls}
    elif any("FilteredPullRequest" in each for each in triggers):
        given = next(e["FilteredPullRequest"] for e in triggers if "FilteredPullRequest" in e)
        found["pull_request"] = {key: _plain(value) for key, value in given.items() if value}
    schedules = [each["Schedule"] for each in triggers if "Schedule" in each]
    if schedules:
        found["schedule"] = [
            {
                "cron": each["cron"],
                **({} if each["zone"] == zones.UTC else {"timezone": each["zone"]}),
                "branch": each["ref"].removeprefix("refs/heads/"),
            }
            for each in schedules
        ]
    releases = [pattern for trigger in triggers for pattern in trigger.get("Release") or ()]
    if releases:
        found["release"] = {"patterns": releases}
    if not manual:
        found["manual"] = False
    return found or None


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool) else list(value)
