"""Counting what a job used. It costs the same for any number of jobs."""

from canisters.build_executor.book import Book
from canisters.build_executor.records import JobRow, StageRecord
from canisters.build_executor.usage import rules


def count(book: Book, stage: StageRecord, job: JobRow, now: int) -> None:
    """A job of the stage was committed at `now`: add what it used to the sums of the day."""
    _count(book, rules.list_of("repository", stage["repository"]), stage, job, now)
    _count(book, rules.list_of("operator", job["operator"] or ""), stage, job, now)


def _count(book: Book, name: str, stage: StageRecord, job: JobRow, now: int) -> None:
    day, days = now // rules.DAY_NS, book.usage_days.get(name) or 0
    record = book.usage.get(f"{name}/{days - 1}") if days else None
    if record is None or record["day"] != day:
        record = rules.nothing(day)
        days += 1
        book.usage_days.insert(name, days)
    rules.add(record, stage, job)
    book.usage.insert(f"{name}/{days - 1}", record)
