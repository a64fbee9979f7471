"""Artifact bytes: chunks under the place of their first upload, found by sha256 afterwards."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canisters.build_executor.book import Book
    from canisters.build_executor.records import FileRow, StageRecord
    from shared.types.run import File


def location(stage: "StageRecord", number: int) -> str:
    """Where uploads of the stage's file `number` go. No two files of any runs share it."""
    return f"{stage['run_sequence']}.{stage['position']}.{number}"


def mark_stored(stage: "StageRecord", sha256: str) -> None:
    for row in stage["files"]:
        if row["sha256"] == sha256:
            row["stored"] = True


def mark_known(book: "Book", stage: "StageRecord") -> None:
    """Files whose bytes an earlier upload brought are stored already."""
    for sha256 in dict.fromkeys(row["sha256"] for row in stage["files"]):
        if book.contents.contains_key(sha256):
            mark_stored(stage, sha256)


def size_misfit(book: "Book", files: "list[File]") -> "str | None":
    """Why a manifest lies about bytes that are stored here already, or None."""
    for file in files:
        known = book.contents.get(file["sha256"])
        if known is not None and known["size"] != file["size"]:
            return (
                f"artifact {file['path']}: the bytes of that sha256 are {known['size']} bytes, "
                f"not {file['size']}"
            )
    return None


def missing(stage: "StageRecord") -> "list[tuple[int, FileRow]]":
    """(number, file) of those still to upload; one file for each sha256."""
    wanted: dict[str, tuple[int, FileRow]] = {}
    for number, row in enumerate(stage["files"]):
        if not row["stored"] and row["sha256"] not in wanted:
            wanted[row["sha256"]] = (number, row)
    return list(wanted.values())


def drop_unstored(book: "Book", stage: "StageRecord") -> None:
    """Forget the chunks of uploads that were not finished."""
    for number, row in missing(stage):
        book.uploads.drop(location(stage, number), row["size"])


def sent(book: "Book", stage: "StageRecord") -> "list[int]":
    """How many first chunks of each missing file are here."""
    return [
        book.uploads.here(location(stage, number), row["size"]) for number, row in missing(stage)
    ]
