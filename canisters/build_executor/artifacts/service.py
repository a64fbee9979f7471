"""Uploading and reading the agreed files. Their hash is recomputed here before they count."""

from canisters.build_executor.artifacts import contents, places, uploads
from canisters.build_executor.book import Book
from canisters.build_executor.executors.service import uploader_of
from canisters.build_executor.keys import stage_key
from canisters.build_executor.records import FileRow, JobRow, StageRecord
from canisters.build_executor.runs import service as runs
from shared.rules.limits import MAX_CHUNK_BYTES
from shared.rules.refused import conflict, denied, invalid, not_found, unavailable
from shared.types.job import ChunkInput, ChunkRequest, UploadWork


def begin(book: Book, stage: StageRecord, replica: int, now: int) -> UploadWork:
    """Lease the upload of what is missing. Only its own executor goes on with half of a file.

    Another one's chunks may be wrong, which would be found at the end and be held against this one.
    """
    if stage["uploader"] is not None and stage["uploader"] != replica:
        contents.drop_unstored(book, stage)
    work = uploads.begin(stage, replica, now)
    work["sent"] = contents.sent(book, stage)
    book.save(stage)
    return work


def _uploading(
    book: Book, caller: str, run: str, stage_name: str, path: str, now: int
) -> "tuple[StageRecord, int] | None":
    """The stage and file number while the caller holds the upload lease.

    None when this caller brought the file already: its repeated call is Ok.
    """
    stage = book.stage(stage_key(run, stage_name))
    if stage is None:
        raise not_found(f"stage {stage_name[:64]} of {run[:64]} was never opened")
    number = _number(stage, path)
    if number is None:
        raise not_found(f"{path[:240]} is not one of the agreed files of stage {stage_name}")
    if uploader_of(stage) != caller:
        raise denied(f"{caller} does not hold the upload of stage {stage_name}: lease work first")
    if stage["files"][number]["stored"]:
        return None
    if "Storing" not in stage["state"]:
        raise conflict(f"stage {stage_name} of {run} takes no uploads now")
    if stage["upload_until_ns"] <= now:
        raise conflict(f"the upload lease of stage {stage_name} is over: lease work again")
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


def upload_chunk(book: Book, caller: str, chunk: ChunkInput, now: int) -> None:
    """Keep one chunk. Sent again it replaces itself: nothing counts before `finish_upload`."""
    path, index, content = chunk["path"], chunk["index"], chunk["content"]
    found = _uploading(book, caller, chunk["run"], chunk["stage"], path, now)
    if found is None:
        return
    stage, number = found
    row = stage["files"][number]
    count = places.chunk_count(row["size"])
    if index >= count:
        raise invalid(f"{path} has {count} chunks of {MAX_CHUNK_BYTES}: no index {index}")
    wanted = places.chunk_bytes(row["size"], index)
    if len(content) != wanted:
        raise invalid(f"chunk {index} of {path} has {wanted} bytes, not {len(content)}")
    book.uploads.put(_place(stage, number), index, content)
    if uploads.extend_if_due(stage, now):
        book.save(stage)


def finish_upload(book: Book, caller: str, run: str, stage_name: str, path: str, now: int) -> None:
    """Recompute the file's sha256 over its chunks; a mismatch drops them all."""
    found = _uploading(book, caller, run, stage_name, path, now)
    if found is None:
        return
    stage, number = found
    row = stage["files"][number]
    place = _place(stage, number)
    known = book.contents.get(row["sha256"])
    if known is not None and known["size"] == row["size"]:
        book.uploads.drop(place, row["size"])
    else:
        _keep(book, stage, row, place, now)
    contents.mark_stored(stage, row["sha256"])
    if contents.missing(stage):
        uploads.extend(stage, now)
        book.save(stage)
    else:
        runs.stage_succeeded(book, stage, now)


def _keep(book: Book, stage: StageRecord, row: FileRow, place: str, now: int) -> None:
    digest = book.uploads.digest(place, row["size"])
    if digest is None:
        if uploads.extend_if_due(stage, now):
            book.save(stage)
        raise unavailable(f"{row['path']} is being hashed: call again to go on")
    if isinstance(digest, int):
        count = places.chunk_count(row["size"])
        raise conflict(f"chunk {digest} of {count} of {row['path']} is missing: send it first")
    if digest != row["sha256"]:
        # What is written here stays though the call is refused: wrong bytes must not.
        book.uploads.drop(place, row["size"])
        _count_bad_upload(book, stage, 1, now)
        raise invalid(
            f"the bytes of {row['path']} have sha256 {digest}, agreed was {row['sha256']}: "
            "they were dropped"
        )
    book.uploads.close(place)
    book.contents.insert(row["sha256"], {"version": 1, "size": row["size"], "location": place})


def _count_bad_upload(book: Book, stage: StageRecord, weight: int, now: int) -> None:
    uploads.count_bad_upload(stage, weight)
    if uploads.nobody_is_left(stage):
        reason = "no executor that agreed could deliver the agreed bytes"
        runs.stage_failed(book, stage, "Failed", reason, now)
    else:
        book.save(stage)


def release(
    book: Book, caller: str, stage: StageRecord, job: JobRow, is_unable: bool, now: int
) -> None:
    """Take an upload back. Who does not have the bytes any more is not asked again."""
    if job["executor"] != caller or stage["uploader"] != job["replica"]:
        raise denied(f"{caller} does not hold the upload of {stage['name']}")
    if stage["upload_until_ns"] <= now:
        raise conflict(f"the upload lease of stage {stage['name']} is over")
    if is_unable:
        _count_bad_upload(book, stage, uploads.MAX_BAD_UPLOADS, now)
        return
    uploads.end(stage, "its upload was given back", now)
    book.save(stage)


def read_chunk(book: Book, request: ChunkRequest) -> bytes:
    """One chunk of a stored file. An empty file has one empty chunk."""
    stage = book.stage(stage_key(request["run"], request["stage"]))
    number = None if stage is None else _number(stage, request["path"])
    if stage is None or number is None:
        raise not_found(
            f"stage {request['stage'][:64]} of {request['run'][:64]} has no file "
            f"{request['path'][:240]}: see get_run"
        )
    row = stage["files"][number]
    index = request["index"]
    if index >= max(1, places.chunk_count(row["size"])):
        raise invalid(f"{row['path']} of {row['size']} bytes has no chunk {index}")
    if stage["kept"]:
        raise unavailable(
            f"the bytes of {row['path']} stay with the executors that built them (keep: Executors)"
        )
    stored = book.contents.get(row["sha256"]) if row["stored"] else None
    if stored is None:
        raise unavailable(f"the bytes of {row['path']} are not stored yet")
    if row["size"] == 0:
        return b""
    chunk = book.chunks.get(places.chunk_key(stored["location"], index))
    if chunk is None:
        raise not_found(f"chunk {index} of {row['path']} is not here: report this")
    return chunk
