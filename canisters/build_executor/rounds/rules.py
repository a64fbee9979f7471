"""What `verification` must be told of a stage's round, in which order. Plain Python."""

from typing import TYPE_CHECKING

from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.keys import is_open, job_name
from shared.rules.limits import (
    MAX_ARTIFACT_BYTES,
    MAX_MANIFEST_FILES,
    MAX_PATH_CHARS,
    REVEAL_WINDOW_NS,
)

if TYPE_CHECKING:
    from canisters.build_executor.records import StageRecord
    from shared.types.attestation import RoundInput, Verdict
    from shared.types.run import File


def next_message(stage: "StageRecord") -> "str | int | None":
    """`open`, the replica whose commitment comes next, `close`, `cancel`, or None: all is told.

    A round is opened when the first job is leased: what waits in the queue takes no room of
    `verification`, which holds MAX_OPEN_ROUNDS. Commitments that come after it was closed are told
    too: without a quorum of equal results it takes further votes. The round of a stage that has
    ended without a verdict is cancelled, also when it is not known to be open: the answer may have
    been lost.
    """
    if stage["verdict"] is None and not is_open(stage):
        return None if stage["closed"] else "cancel"
    if not stage["round_open"]:
        begun = any(job["leased_ns"] is not None for job in stage["jobs"])
        return "open" if begun and is_open(stage) else None
    if stage["verdict"] is not None or not is_open(stage):
        return "close" if stage["closing"] and not stage["closed"] else None
    for job in stage["jobs"]:
        if "Committed" in job["state"] and not job["recorded"]:
            return job["replica"]
    return "close" if stage["closing"] and not stage["closed"] else None


def round_input(stage: "StageRecord") -> "RoundInput":
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "repository": stage["repository"],
        "replicas": stage["replicas"],
        "quorum": stage["quorum"],
        "commit_until_ns": outer_bound_ns(stage),
        "flaky": stage["flaky"],
    }


def outer_bound_ns(stage: "StageRecord") -> int:
    """When the round ends whatever happens: by then the last lease has run out."""
    if stage["opened_ns"] is None:
        return stage["commit_until_ns"]
    return stage["commit_until_ns"] + job_rules.longest_lease_ns(stage) + REVEAL_WINDOW_NS


def commitment_of(stage: "StageRecord", replica: int) -> "tuple[str, str, str, bytes]":
    """(job, executor, operator, commitment) of a committed replica."""
    job = stage["jobs"][replica]
    return (
        job_name(stage, replica),
        job["executor"] or "",
        job["operator"] or "",
        job["commitment"] or b"",
    )


def kind_of(verdict: "Verdict") -> str:
    for name in ("Agreed", "Disagreed", "Failed"):
        if name in verdict["kind"]:
            return name
    return "Inconclusive"


def manifest_problem(files: "list[File]") -> "str | None":
    """Why an agreed manifest cannot be stored. Agreement does not make a path safe."""
    if len(files) > MAX_MANIFEST_FILES:
        return (
            f"the manifest has {len(files)} files, over {MAX_MANIFEST_FILES} (MAX_MANIFEST_FILES)"
        )
    seen: set[str] = set()
    sizes: dict[str, int] = {}
    for file in files:
        path = file["path"]
        if not is_safe_path(path):
            return f"artifact path {path[:MAX_PATH_CHARS]!r} is not a relative, normalised path"
        if path in seen:
            return f"artifact {path} is in the manifest twice"
        seen.add(path)
        if file["size"] > MAX_ARTIFACT_BYTES:
            limit = f"{MAX_ARTIFACT_BYTES} (MAX_ARTIFACT_BYTES)"
            return f"artifact {path} has {file['size']} bytes, over {limit}"
        if not is_sha256(file["sha256"]):
            return f"artifact {path}: sha256 is not 64 lower-case hexadecimal digits"
        if sizes.setdefault(file["sha256"], file["size"]) != file["size"]:
            return f"artifact {path} has the sha256 of a file of another size"
    return None


def is_safe_path(path: str) -> bool:
    """Relative, normalised, printable, at most MAX_PATH_CHARS."""
    if not 1 <= len(path) <= MAX_PATH_CHARS or not path.isprintable() or "\\" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def is_sha256(text: str) -> bool:
    return len(text) == 64 and all(char in "0123456789abcdef" for char in text)
