"""When operators have read the same commit at a ref that a run names. Plain Python.

A run that is started for the name of a branch or tag has no commit yet. Executors ask the forge
what stands there; the commit that a quorum of operators read is the one that is built. Whoever was
early reads again after a while, for a branch moves on: what counts is the last that each has read.
"""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_TEXT_CHARS, REREAD_NS
from shared.rules.names import is_commit_id
from shared.rules.refused import invalid, too_large

if TYPE_CHECKING:
    from canisters.build_executor.records import ResolutionRecord
    from shared.types.job import RefReading
    from shared.types.pipeline import PipelineInput
    from shared.types.run import RefRead, Source

ABSENT = ""
"""The commit of a ref that is not there."""


def quorum_of(pipeline: "PipelineInput") -> int:
    """How many operators must read the same commit: as many as the pipeline's stages ask for."""
    return max(stage["quorum"] for stage in pipeline["stages"])


def opened(source: "Source", quorum: int, until_ns: int, now: int) -> "ResolutionRecord":
    """The commit of this source is asked for from now on, until `until_ns`."""
    return {
        "version": 1,
        "repository": source["repository"],
        "clone_url": source["clone_url"],
        "ref": source["ref"],
        "quorum": quorum,
        "opened_ns": now,
        "until_ns": until_ns,
        "reads": [],
        "commit": None,
    }


def check_reading(reading: "RefReading") -> None:
    """Raise Refused for a reading that says nothing, or two things."""
    commit, problem = reading["commit"], reading["problem"]
    if commit is not None and problem is not None:
        raise invalid("a reading has a commit or a problem, not both")
    if commit is not None and not is_commit_id(commit):
        raise invalid("commit must be a full commit id: 40 or 64 lower-case hexadecimal digits")
    if problem is not None and len(problem) > MAX_TEXT_CHARS:
        raise too_large(f"problem has {len(problem)} characters, over {MAX_TEXT_CHARS}")


def read_of(record: "ResolutionRecord", operator: str) -> "RefRead | None":
    """What an operator has read last."""
    for read in record["reads"]:
        if read["operator"] == operator:
            return read
    return None


def asked_from_ns(record: "ResolutionRecord", operator: str) -> int:
    """From when on executors of this operator are to read the ref (again)."""
    read = read_of(record, operator)
    return record["opened_ns"] if read is None else read["at_ns"] + REREAD_NS


def ask(record: "ResolutionRecord", operator: str, now: int) -> None:
    """An executor of this operator is sent to read the ref."""
    found = read_of(record, operator)
    if found is None:
        read: RefRead = {"operator": operator, "commit": None, "problem": None, "at_ns": now}
        record["reads"].append(read)
    else:
        found["at_ns"] = now


def take(record: "ResolutionRecord", operator: str, reading: "RefReading", now: int) -> None:
    """Note what an operator has read, in place of what it read before."""
    ask(record, operator, now)
    problem = reading["problem"]
    for read in record["reads"]:
        if read["operator"] == operator:
            read["problem"] = problem
            read["commit"] = None if problem is not None else reading["commit"] or ABSENT


def agreed(record: "ResolutionRecord") -> "str | None":
    """The commit that a quorum has read last; ABSENT when that says that the ref is not there."""
    counts: dict[str, int] = {}
    for read in record["reads"]:
        commit = read["commit"]
        if commit is not None:
            counts[commit] = counts.get(commit, 0) + 1
            if counts[commit] >= record["quorum"]:
                return commit
    return None


def described(record: "ResolutionRecord") -> str:
    """How far it is, in one sentence."""
    said = f"{record['quorum']} operators must read the same commit at {record['ref']}"
    commits = sorted({read["commit"] for read in record["reads"] if read["commit"] is not None})
    parts = []
    for commit in commits:
        names = sorted(read["operator"] for read in record["reads"] if read["commit"] == commit)
        what = commit[:12] if commit else "that it is not there"
        parts.append(f"{', '.join(names)} read {what}")
    for read in record["reads"]:
        if read["problem"] is not None:
            parts.append(f"{read['operator']} cannot read it: {read['problem']}")
    return f"{said}: {'; '.join(parts) if parts else 'none has read it yet'}"
