"""What starts a run: the key `on` of a `dcanary.yml`, and its Candid records both ways."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dcanary import not_yet
from dcanary.pipeline import limits, names
from dcanary.pipeline.strict_model import StrictModel


def _unsupported(value: object) -> object:
    if value is not None:
        raise ValueError(not_yet.PULL_REQUESTS.sentence())
    return value


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


class PushFilter(StrictModel):
    """Branches, as patterns with `*`, `?` and `!`, whose pushes start a run, and which pushes."""

    branches: Patterns = Field(min_length=1)
    paths: PathPatterns = []
    paths_ignore: PathPatterns = []
    authors: TextPatterns = []

    @model_validator(mode="after")
    def _bounded(self) -> "PushFilter":
        count = sum(map(len, (self.branches, self.paths, self.paths_ignore, self.authors)))
        if count > limits.MAX_PATTERNS_PER_TRIGGER:
            raise ValueError(
                f"has {count} patterns in all: at most {limits.MAX_PATTERNS_PER_TRIGGER}"
            )
        return self


class TagFilter(StrictModel):
    """Tags, as patterns, whose creation starts a run."""

    patterns: Patterns = Field(min_length=1)


class Triggers(StrictModel):
    """What starts a run."""

    push: PushFilter | None = None
    tag: TagFilter | None = None
    pull_request: Annotated[None, BeforeValidator(_unsupported)] = None
    manual: bool = True

    @model_validator(mode="after")
    def _some(self) -> "Triggers":
        if not (self.push or self.tag or self.manual):
            raise ValueError("nothing would ever start a run: give push, tag or manual: true")
        return self


def to_candid(on: Triggers) -> list[dict[str, Any]]:
    """The triggers as Candid variants."""
    triggers: list[dict[str, Any]] = []
    if on.push:
        triggers.append(_push(on.push))
    if on.tag:
        triggers.append({"Tag": list(on.tag.patterns)})
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
        found["push"] = {key: list(value) for key, value in filtered.items() if value}
    if tag:
        found["tag"] = {"patterns": tag}
    if not manual:
        found["manual"] = False
    return found or None
