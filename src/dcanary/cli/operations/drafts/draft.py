"""The draft of a pipeline: a file in the form of `dcanary.yml` that commands add stages to.

It stands beside `dcanary.yml`, for lock files and interfaces are looked for from there. What would
not be accepted is never written: the draft is checked by the reader of pipeline files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcanary.cli.errors import UsageTrouble, translated
from dcanary.cli.operations.drafts.yaml_text import to_yaml
from dcanary.cli.operations.whole_files import write_whole
from dcanary.pipeline import FILE_NAME, FieldError, PipelineFileError, parse_pipeline
from dcanary.pipeline.limits import MAX_NAME_CHARS
from dcanary.pipeline.source import read_source

DRAFT = "dcanary.draft.yml"
HEAD = f"""\
# A draft: dcanary pipeline diff shows it, dcanary deploy-pipeline sends it. The form is that of
# {FILE_NAME}; commands that change it write it anew, without comments.
"""
_ADDED_BY = {
    "artifacts": "--artifact",
    "environment": "--env",
    "secrets": "--secret",
    "locks": "--lock",
    "labels": "--label",
}
_PLACE = re.compile(r"(?:(?:resources|needs)\.)?([a-z_]+)(.*)")
Stage = dict[str, Any]


def begun(draft: Path, pipeline: str | None) -> dict[str, Any]:
    """The values of the draft. Where there is none, those of the `dcanary.yml` beside it, or else
    those of a pipeline without stages. Raises UsageTrouble for a file that cannot be read."""
    beside = draft.parent / FILE_NAME
    file = draft if draft.exists() else beside if beside.exists() else None
    if file is None:
        named = pipeline or _name_of(draft.parent)
        return {"version": 1, "name": named, "stages": {}}
    if pipeline is not None:
        raise UsageTrouble(f"{file} has a name already: --pipeline names a new draft")
    with translated():
        try:
            source = read_source(file.read_bytes(), str(file))
            if source.errors:
                raise PipelineFileError(source.errors)
        except OSError as error:
            raise UsageTrouble(f"{file} cannot be read: {error.strerror}") from None
    value = source.value
    if not isinstance(value, dict) or not isinstance(value.get("stages"), dict | list):
        raise UsageTrouble(f"{file} has no stages: dcanary pipeline validate {file}")
    return value


def require_draft(draft: Path) -> None:
    """Raise UsageTrouble where there is no draft."""
    if not draft.exists():
        raise UsageTrouble(
            f"there is no draft {draft}",
            "begin one: dcanary pipeline add-stage NAME, or dcanary pipeline edit REPOSITORY",
        )


def _name_of(folder: Path) -> str:
    """A pipeline's name from that of a folder."""
    words = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return words[:MAX_NAME_CHARS].rstrip("-") or "pipeline"


def add_stage(values: dict[str, Any], draft: Path, name: str, stage: Stage, replace: bool) -> None:
    """Put a stage behind the others, or in the place of one of its name.

    Raises UsageTrouble when there is one and it is not to be replaced, and the other way round.
    """
    names = _names(values)
    if name in names and not replace:
        raise UsageTrouble(
            f"there is a stage {name} in {_source(draft)}",
            f"replace it with --replace, or remove it: dcanary pipeline remove-stage {name}",
        )
    if replace and name not in names:
        raise _no_stage(name, names, draft)
    stages = values["stages"]
    if isinstance(stages, dict):
        stages[name] = stage
        return
    listed = {"name": name, **stage}
    if replace:
        stages[names.index(name)] = listed
    else:
        stages.append(listed)


def remove_stage(values: dict[str, Any], draft: Path, name: str) -> None:
    """Take a stage out. Raises UsageTrouble when there is none of that name."""
    names = _names(values)
    if name not in names:
        raise _no_stage(name, names, draft)
    stages = values["stages"]
    del stages[name if isinstance(stages, dict) else names.index(name)]


def _names(values: Mapping[str, Any]) -> list[str]:
    stages = values["stages"]
    if isinstance(stages, dict):
        return list(stages)
    return [str(one.get("name")) if isinstance(one, dict) else "" for one in stages]


def _source(draft: Path) -> Path:
    return draft if draft.exists() else draft.parent / FILE_NAME


def _no_stage(name: str, names: list[str], draft: Path) -> UsageTrouble:
    known = f"use one of {', '.join(names)}" if names else ""
    return UsageTrouble(f"there is no stage {name} in {_source(draft)}", known)


def save(draft: Path, values: Mapping[str, Any], stage: str = "") -> None:
    """Check and write the draft. What is wrong with `stage` is told by the options that gave it.

    Raises UsageTrouble, with the draft as it was.
    """
    text = HEAD + to_yaml(values)
    try:
        parse_pipeline(text.encode(), str(draft), draft.parent)
    except PipelineFileError as error:
        told = [_told(one, stage) for one in error.errors]
        raise UsageTrouble("\n".join(dict.fromkeys(told))) from None
    try:
        write_whole(draft, text, replace=True)
    except OSError as error:
        raise UsageTrouble(f"{draft} cannot be written: {error.strerror}") from None


def _told(error: FieldError, stage: str) -> str:
    """An error of the draft without the line that it would have had."""
    prefix = f"stages.{stage}."
    match = _PLACE.fullmatch(error.field.removeprefix(prefix))
    if not stage or not error.field.startswith(prefix) or match is None:
        return f"{error.field}: {error.message}" if error.field else error.message
    key, rest = match.groups()
    option = _ADDED_BY.get(key, f"--{key.replace('_', '-')}")
    place = rest.lstrip(".") if key == "environment" else ""
    return f"stage {stage}: {option}{' ' * bool(place)}{place}: {error.message}"
