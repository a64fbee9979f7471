"""A job's log: bytes in blocks of fixed size, so that any offset is one look-up away.

The attempts of a job follow each other in one log. An executor counts its bytes from the start of
its own attempt, and has its own room: one operator cannot use up that of the next.
"""

from canisters.build_executor.book import Book
from canisters.build_executor.logs import marks
from canisters.build_executor.records import JobRow
from shared.rules.limits import (
    MAX_LOG_BYTES_PER_ATTEMPT,
    MAX_LOG_BYTES_PER_CHUNK,
    MAX_LOG_BYTES_PER_JOB,
    MIN_LOG_BYTES_PER_ATTEMPT,
)
from shared.rules.refused import conflict, invalid, too_large
from shared.types.job import Log

BLOCK_BYTES = 16_384


def room_of(job: JobRow) -> int:
    """How many bytes the attempt may write in all, with the line that says that it is cut."""
    left = MAX_LOG_BYTES_PER_JOB - job["log_base"]
    return max(MIN_LOG_BYTES_PER_ATTEMPT, min(MAX_LOG_BYTES_PER_ATTEMPT, left // 2))


def cut_line(room: int) -> bytes:
    """The last line of an attempt that would have written more than its room."""
    why = "MAX_LOG_BYTES_PER_ATTEMPT"
    if room < MAX_LOG_BYTES_PER_ATTEMPT:
        why = "a share of what earlier attempts left of MAX_LOG_BYTES_PER_JOB"
    return f"\n[the log of this attempt is cut here, at {room} bytes: {why}]\n".encode()


def check_piece(job: JobRow, offset: int, content: bytes) -> None:
    """Raise Refused for a piece that cannot be appended. A full log takes (and drops) all."""
    if len(content) > MAX_LOG_BYTES_PER_CHUNK:
        raise too_large(
            f"log piece has {len(content)} bytes, over MAX_LOG_BYTES_PER_CHUNK "
            f"({MAX_LOG_BYTES_PER_CHUNK}): send it in smaller pieces"
        )
    have = job["log_bytes"] - job["log_base"]
    room = room_of(job)
    if offset > have and have < room - len(cut_line(room)):
        raise conflict(f"log offset {offset} leaves a gap: {have} bytes are here, go on there")


def append(book: Book, name: str, job: JobRow, offset: int, content: bytes, now: int) -> None:
    """Add what of `content` is not here yet; the caller saves the job's stage."""
    have = job["log_bytes"] - job["log_base"]
    fresh = content[have - offset :] if offset <= have else b""
    room = room_of(job)
    cut = cut_line(room)
    left = room - len(cut) - have
    if not fresh or left <= 0:
        return
    marks.note(book.log_blocks, name, job, now)
    _write(book, name, job, fresh if len(fresh) < left else fresh[:left] + cut)


def _write(book: Book, name: str, job: JobRow, fresh: bytes) -> None:
    """Add bytes at the log's end, whatever its length."""
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


def start_attempt(book: Book, name: str, job: JobRow, executor: str, now: int) -> None:
    """A lease begins: later attempts are set apart from what earlier ones wrote."""
    if job["log_bytes"]:
        marks.note(book.log_blocks, name, job, now)
        _write(book, name, job, f"\n[attempt {job['attempt']} by {executor}]\n".encode())
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
    found = marks.Marks(book.log_blocks, name, job["log_marks"] or 0)
    return {
        "offset": offset,
        "content": b"".join(pieces),
        "total": total,
        "marks": found.between(offset, end),
    }
