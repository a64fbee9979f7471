"""Whether the declared inputs of stages with a cache are there, as far as the folder tells.

What counts is the commit that a run builds: there an input that takes no file fails the stage. But
who registers a pipeline has its files at hand.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from dcanary.pipeline.names import check_artifact
from dcanary.pipeline.patterns import fixed_folder, is_pattern, matches
from dcanary.pipeline.source import Source, Value

_MAX_FILES = 50_000
"""Of larger folders nothing is said: looking through them takes too long."""


def check_inputs(source: Source, folder: Path | None) -> None:
    """Report each entry of `cache.inputs` that takes no file below `folder`.

    None where no files can be read, and then nothing is reported.
    """
    stages = source.value.get("stages") if isinstance(source.value, dict) else None
    if folder is None or not isinstance(stages, dict):
        return
    for name, stage in stages.items():
        for index, declaration in enumerate(_inputs(stage)):
            if not _takes_some(declaration, folder):
                place = ("stages", name, "cache", "inputs", index)
                source.report(place, f"matches no file of {folder.resolve().name or folder}")


def _inputs(stage: Value) -> list[Value]:
    cache = stage.get("cache") if isinstance(stage, dict) else None
    inputs = cache.get("inputs") if isinstance(cache, dict) else None
    return inputs if isinstance(inputs, list) else []


def _takes_some(declaration: Value, folder: Path) -> bool:
    """Whether a file is taken; also of what is no path or pattern, which the model reports."""
    try:
        if not isinstance(declaration, str):
            return True
        check_artifact(declaration)
    except ValueError:
        return True
    if not is_pattern(declaration):
        path = folder / declaration
        return path.is_symlink() or path.is_file()
    for number, found in enumerate(_files(folder, fixed_folder(declaration))):
        if number == _MAX_FILES or matches(declaration, found):
            return True
    return False


def _files(folder: Path, below: str) -> Iterator[str]:
    """Paths of the files and links below a folder, relative to `folder`; none of Git's own."""
    for place, folders, files in os.walk(folder / below):
        folders[:] = sorted(name for name in folders if name != ".git")
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*files, *links):
            yield Path(place, name).relative_to(folder).as_posix()
