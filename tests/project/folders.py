"""Small projects for tests of detection."""

from __future__ import annotations

from pathlib import Path

from dcanary.pipeline import PipelineFile
from dcanary.pipeline.model import Stage
from dcanary.project.detect import detect
from dcanary.project.facts import Canister, Project


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files, by their paths below `root`; returns the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def found(root: Path, files: dict[str, str]) -> Project:
    """What detection says of a folder with these files."""
    return detect(write(root, files))


def canister(project: Project, name: str) -> Canister:
    """The canister of that name."""
    (one,) = [one for one in project.canisters if one.name == name]
    return one


def notes(project: Project) -> list[str]:
    """The notes as people read them."""
    return [str(note) for note in project.notes]


def built(pipeline: PipelineFile, name: str = "build") -> Stage:
    """The stage of that name, which runs commands."""
    stage = pipeline.stages[name]
    assert isinstance(stage, Stage)
    return stage


COUNTER_MO = (
    "persistent actor {\n  var n : Nat = 0;\n  public func inc() : async Nat { n += 1; n };\n}\n"
)
COUNTER_PY = (
    "from kybra import nat64, query, update\n\n\n@query\ndef get() -> nat64:\n    return 1\n"
)
