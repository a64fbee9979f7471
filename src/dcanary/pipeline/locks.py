"""Whether the lock files of fetch stages pin all that they name, as far as the folder tells.

What counts is the commit that a run builds. But who registers a pipeline has its files at hand, and
should not learn from a failed run that a lock has no hashes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dcanary.pipeline.source import Source, Value


def check_locks(source: Source, folder: Path | None) -> None:
    """Report what is wrong with the lock files of each fetch stage.

    `folder` is where they are looked for; None where no files can be read, and then only their
    names are checked.
    """
    stages = source.value.get("stages") if isinstance(source.value, dict) else None
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if isinstance(stage, dict) and stage.get("kind") == "fetch":
            locks, hosts = _texts(stage.get("locks")), _texts(stage.get("hosts"))
            for index, message in _problems(locks, hosts, folder):
                source.report(("stages", name, "locks", index), message)


def _problems(
    locks: Sequence[str], hosts: Sequence[str], folder: Path | None
) -> Iterator[tuple[int, str]]:
    # Here and not above: only pipelines with a fetch stage need what reads lock files.
    from dcanary.download.registries import PUBLIC_HOSTS
    from dcanary.fetch.bring import FetchFailed
    from dcanary.fetch.fetching import pins_of
    from dcanary.fetch.files import reading_folder
    from dcanary.fetch.locks.reading import known_names, reader_of
    from dcanary.fetch.pinned import Target

    known = [lock for lock in locks if reader_of(lock) is not None]
    for index, lock in enumerate(locks):
        if lock not in known:
            yield index, f"{lock} is no lock file that is known: known are {known_names()}"
    if folder is None:
        return
    try:
        pins_of(reading_folder(folder), known, hosts or PUBLIC_HOSTS, Target())
    except FetchFailed as failed:
        for problem in failed.problems:
            # A file that a lock includes has no place in the pipeline.
            yield locks.index(problem.file) if problem.file in locks else 0, str(problem)
    except ValueError:
        # Of a host that is none, which the model reports.
        return


def _texts(value: Value) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
