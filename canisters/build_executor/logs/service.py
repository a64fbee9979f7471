"""A job's log: bytes in blocks of fixed size, so that any offset is one look-up away.

The attempts of a job follow each other in one log. An executor counts its bytes from the start of
its own attempt.
"""

from canisters.build_executor.book import Book
from canisters.build_executor.records import JobRow
from shared.rules.limits import MAX_LOG_BYTES_PER_CHUNK, MAX_LOG_BYTES_PER_JOB
from shared.rules.refused import conflict, invalid, too_large
from shared.types.run import Log

BLOCK_BYTES = 16_384
CUT = f"\n[the log is cut here: MAX_LOG_BYTES_PER_JOB is {MAX_LOG_BYTES_PER_JOB}]\n".encode()
LOG_ROOM = MAX_LOG_BYTES_PER_JOB - len(CUT)


def check_piece(job: JobRow, offset: int, content: bytes) -> None:
    """Raise Refused for a piece that cannot be appended. A full log takes (and drops) all."""
    if len(content) > MAX_LOG_BYTES_PER_CHUNK:
        raise too_large(
            f"log piece has {len(content)} bytes, over MAX_LOG_BYTES_PER_CHUNK "
            f"({MAX_LOG_BYTES_PER_CHUNK}): send it in smaller pieces"
        )
    have = job["log_bytes"] - job["log_base"]
    if offset > have and job["log_bytes"] < LOG_ROOM:
        raise conflict(f"log offset {offset} leaves a gap: {have} bytes are here, go on there")


def append(book: Book, name: str, job: JobRow, offset: int, content: bytes) -> None:
    """Add what of `content` is not here yet; the caller saves the job's stage."""
    have = job["log_bytes"] - job["log_base"]
    fresh = content[have - offset :] if offset <= have else b""
    room = LOG_ROOM - job["log_bytes"]
    if not fresh or room <= 0:
        return
    if len(fresh) >= room:
        fresh = fresh[:room] + CUT
    total = job["log_bytes"]
    while fresh:
        number, used = divmod(total, BLOCK_BYTES)
        piece = fresh[: BLOCK_BYTES - used]
        key = f"{name}#{number}"
        before = (book.log_blocks.get(key) or b"") if used else b""
        book.log_blocks.insert(key, before + piece)
        total += len(piece)
        fresh = fresh[len(piece) :]
    job["log_bytes"] = total


def start_attempt(book: Book, name: str, job: JobRow, executor: str) -> None:
    """A lease begins: later attempts are set apart from what earlier ones wrote."""
    if job["log_bytes"]:
        job["log_base"] = 0
        line = f"\n[attempt {job['attempt']} by {executor}]\n".encode()
        append(book, name, job, job["log_bytes"], line)
    job["log_base"] = job["log_bytes"]


def read(book: Book, name: str, job: JobRow, offset: int) -> Log:
    """Up to MAX_LOG_BYTES_PER_CHUNK bytes from `offset`; empty at the end."""
    total = job["log_bytes"]
    if offset > total:
        raise invalid(f"offset {offset} is past the log's end: it has {total} bytes")
    end = min(total, offset + MAX_LOG_BYTES_PER_CHUNK)
    pieces = []
    position = offset
    while position < end:
        number, start = divmod(position, BLOCK_BYTES)
        block = book.log_blocks.get(f"{name}#{number}") or b""
        piece = block[start : start + end - position]
        if not piece:
            break
        pieces.append(piece)
        position += len(piece)
    return {"offset": offset, "content": b"".join(pieces), "total": total}
