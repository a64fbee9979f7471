"""Uploading and reading the agreed files. Their hash is recomputed here before they count."""

from canisters.build_executor import contents, executors, runs, uploads
from canisters.build_executor.book import Book, stage_key
from canisters.build_executor.records import FileRow, StageRecord
from shared.rules.limits import MAX_CHUNK_BYTES
from shared.types.errors import Done, Error, conflict, denied, invalid, not_found, unavailable
from shared.types.run import ChunkRequest, ChunkResult


def _uploading(
    book: Book, caller: str, run: str, stage_name: str, path: str, now: int
) -> "tuple[StageRecord, int] | Error":
    """The stage and file number while the caller holds the upload lease, else why it does not."""
    stage = book.stage(stage_key(run, stage_name))
    if stage is None:
        return not_found(f"stage {stage_name[:64]} of {run[:64]} was never opened")
    number = _number(stage, path)
    if number is None:
        return not_found(f"{path[:240]} is not one of the agreed files of stage {stage_name}")
    if uploads.settle(book, stage, now):
        book.save(stage)
    if executors.uploader_of(stage) != caller:
        return denied(f"{caller} does not hold the upload of stage {stage_name}: lease work first")
    if "Storing" not in stage["state"]:
        return conflict(f"stage {stage_name} of {run} takes no uploads now")
    if stage["upload_until_ns"] <= now:
        return conflict(f"the upload lease of stage {stage_name} is over: lease work again")
    return stage, number


def _number(stage: StageRecord, path: str) -> "int | None":
    for number, row in enumerate(stage["files"]):
        if row["path"] == path:
            return number
    return None


def _place(stage: StageRecord, number: int) -> str:
    """Files of the same bytes are uploaded once, under the first of them."""
    sha256 = stage["files"][number]["sha256"]
    for first, row in enumerate(stage["files"]):
        if row["sha256"] == sha256:
            return contents.location(stage, first)
    return contents.location(stage, number)


def _is_stored_by(book: Book, caller: str, run: str, stage_name: str, path: str) -> bool:
    """True when this caller brought the file already: its repeated call is answered Ok."""
    stage = book.stage(stage_key(run, stage_name))
    number = None if stage is None else _number(stage, path)
    if stage is None or number is None or executors.uploader_of(stage) != caller:
        return False
    return stage["files"][number]["stored"]


def upload_chunk(
    book: Book,
    caller: str,
    run: str,
    stage_name: str,
    path: str,
    index: int,
    content: bytes,
    now: int,
) -> Done:
    """Keep one chunk. Sent again it replaces itself: nothing counts before `finish_upload`."""
    if _is_stored_by(book, caller, run, stage_name, path):
        return {"Ok": None}
    found = _uploading(book, caller, run, stage_name, path, now)
    if not isinstance(found, tuple):
        return {"Err": found}
    stage, number = found
    row = stage["files"][number]
    count = contents.chunk_count(row["size"])
    if index >= count:
        return {"Err": invalid(f"{path} has {count} chunks of {MAX_CHUNK_BYTES}: no index {index}")}
    wanted = contents.chunk_bytes(row["size"], index)
    if len(content) != wanted:
        return {"Err": invalid(f"chunk {index} of {path} has {wanted} bytes, not {len(content)}")}
    book.chunks.insert(contents.chunk_key(_place(stage, number), index), content)
    uploads.extend_if_due(book, stage, now)
    return {"Ok": None}


def finish_upload(book: Book, caller: str, run: str, stage_name: str, path: str, now: int) -> Done:
    """Recompute the file's sha256 over its chunks; a mismatch drops them all."""
    if _is_stored_by(book, caller, run, stage_name, path):
        return {"Ok": None}
    found = _uploading(book, caller, run, stage_name, path, now)
    if not isinstance(found, tuple):
        return {"Err": found}
    stage, number = found
    row = stage["files"][number]
    place = _place(stage, number)
    known = book.contents.get(row["sha256"])
    if known is not None and known["size"] == row["size"]:
        contents.drop_chunks(book, place, row["size"])
    else:
        error = _keep(book, stage, row, place, now)
        if error is not None:
            return {"Err": error}
    contents.mark_stored(stage, row["sha256"])
    if contents.missing(stage):
        uploads.extend(stage, now)
        book.save(stage)
    else:
        runs.stage_succeeded(book, stage, now)
    return {"Ok": None}


def _keep(book: Book, stage: StageRecord, row: FileRow, place: str, now: int) -> "Error | None":
    digest = contents.digest(book, place, row["size"])
    if isinstance(digest, int):
        count = contents.chunk_count(row["size"])
        return conflict(f"chunk {digest} of {count} of {row['path']} is missing: send it first")
    if digest != row["sha256"]:
        contents.drop_chunks(book, place, row["size"])
        uploads.fault(book, stage, 1, now)
        return invalid(
            f"the bytes of {row['path']} have sha256 {digest}, agreed was {row['sha256']}: "
            "they were dropped"
        )
    book.contents.insert(row["sha256"], {"version": 1, "size": row["size"], "location": place})
    return None


def read_chunk(book: Book, request: ChunkRequest) -> ChunkResult:
    """One chunk of a stored file. An empty file has one empty chunk."""
    stage = book.stage(stage_key(request["run"], request["stage"]))
    number = None if stage is None else _number(stage, request["path"])
    if stage is None or number is None:
        return {
            "Err": not_found(
                f"stage {request['stage'][:64]} of {request['run'][:64]} has no file "
                f"{request['path'][:240]}: see get_run"
            )
        }
    row = stage["files"][number]
    index = request["index"]
    if index >= max(1, contents.chunk_count(row["size"])):
        return {"Err": invalid(f"{row['path']} of {row['size']} bytes has no chunk {index}")}
    stored = book.contents.get(row["sha256"]) if row["stored"] else None
    if stored is None:
        return {"Err": unavailable(f"the bytes of {row['path']} are not stored yet")}
    if row["size"] == 0:
        return {"Ok": b""}
    chunk = book.chunks.get(contents.chunk_key(stored["location"], index))
    if chunk is None:
        return {"Err": not_found(f"chunk {index} of {row['path']} is not here: report this")}
    return {"Ok": chunk}
