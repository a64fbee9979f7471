"""What a verdict does to its stage. Only the first counts; it is never judged here."""

from canisters.build_executor import contents, jobs, runs
from canisters.build_executor.book import Book, job_name, stage_key
from canisters.build_executor.records import FileRow, StageRecord
from shared.rules.limits import (
    MAX_ARTIFACT_BYTES,
    MAX_MANIFEST_FILES,
    MAX_PATH_CHARS,
    MAX_RUN_MANIFEST_BYTES,
    STORE_WINDOW_NS,
)
from shared.types.attestation import Verdict, VerdictNotice
from shared.types.errors import Done, not_found
from shared.types.run import File

FILE_OVERHEAD_BYTES = 96


def record(book: Book, notice: VerdictNotice, now: int) -> Done:
    """Take a verdict. A repeated one, or one for a stage that has ended, is Ok without effect."""
    stage = book.stage(stage_key(notice["run"], notice["stage"]))
    if stage is None:
        return {
            "Err": not_found(
                f"stage {notice['stage'][:64]} of {notice['run'][:64]} was never opened"
            )
        }
    if "Building" not in stage["state"]:
        return {"Ok": None}
    verdict = notice["verdict"]
    kind = kind_of(verdict)
    stage["verdict"] = kind
    stage["closed"] = True
    if kind != "Agreed":
        runs.stage_failed(book, stage, kind, verdict["reason"], now)
        return {"Ok": None}
    why = files_fault(verdict["files"]) or contents.size_fault(book, verdict["files"])
    if why is None:
        why = _count_manifest(book, stage, verdict["files"])
    if why is not None:
        runs.stage_failed(book, stage, "Failed", why, now)
        return {"Ok": None}
    _start_storing(book, stage, verdict, now)
    return {"Ok": None}


def kind_of(verdict: Verdict) -> str:
    for name in ("Agreed", "Disagreed", "Failed"):
        if name in verdict["kind"]:
            return name
    return "Inconclusive"


def _start_storing(book: Book, stage: StageRecord, verdict: Verdict, now: int) -> None:
    jobs.drop_unfinished(stage, "the verdict came before this job was committed")
    stage["state"] = {"Storing": None}
    stage["end_by_ns"] = now + STORE_WINDOW_NS
    stage["files"] = [_row(file) for file in verdict["files"]]
    agreed = set(verdict["jobs"])
    stage["agreeing"] = [
        job["replica"]
        for job in stage["jobs"]
        if "Committed" in job["state"] and job_name(stage, job["replica"]) in agreed
    ]
    contents.mark_known(book, stage)
    if not contents.missing(stage):
        runs.stage_succeeded(book, stage, now)
    elif not stage["agreeing"]:
        reason = "the verdict names no job of this stage that could bring the agreed bytes"
        runs.stage_failed(book, stage, "Failed", reason, now)
    else:
        book.save(stage)


def _row(file: File) -> FileRow:
    return {"path": file["path"], "size": file["size"], "sha256": file["sha256"], "stored": False}


def _count_manifest(book: Book, stage: StageRecord, files: "list[File]") -> "str | None":
    """Keep the run small enough that one query can show it."""
    run = book.runs.get(stage["run"])
    if run is None or not files:
        return None
    total = run["manifest_bytes"] + sum(
        len(file["path"].encode()) + FILE_OVERHEAD_BYTES for file in files
    )
    if total > MAX_RUN_MANIFEST_BYTES:
        limit = f"{MAX_RUN_MANIFEST_BYTES} (MAX_RUN_MANIFEST_BYTES)"
        return f"the manifests of the run have {total} bytes, over {limit}"
    run["manifest_bytes"] = total
    book.runs.insert(stage["run"], run)
    return None


def files_fault(files: "list[File]") -> "str | None":
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
