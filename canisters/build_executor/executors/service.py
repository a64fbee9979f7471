"""Who may build: executors, each a key, the operators who answer for them, and what they offer."""

from canisters.build_executor.book import Book
from canisters.build_executor.executors import rules
from canisters.build_executor.jobs import pauses
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.records import ExecutorRecord, StageRecord
from shared.rules import matching
from shared.rules.limits import LEASE_NS, MAX_EXECUTORS, MAX_STAGES_PER_PIPELINE
from shared.rules.refused import conflict, denied, exhausted, not_found
from shared.types.executor import ExecutorOffer
from shared.types.job import StageProblem
from shared.types.pipeline import Runtime, Stage


def register(book: Book, executor: str, operator: str, runtimes: "list[Runtime]", now: int) -> None:
    """Add an executor, or change the runtimes of one; its operator never changes."""
    rules.check_registration(executor, operator, runtimes)
    known = book.executor(executor)
    if known is not None:
        record, _ = known
        if record["operator"] != operator:
            raise conflict(
                f"{executor} is registered for operator {record['operator']}: "
                f"make another key for {operator}"
            )
        record["runtimes"] = runtimes
        book.save_executor(executor, record)
        _offer_changed(book, executor)
        return
    if book.executor_index.len() >= MAX_EXECUTORS:
        raise exhausted(f"{MAX_EXECUTORS} executors are registered (MAX_EXECUTORS)")
    book.all_executors()
    book.executor_index.insert(book.executor_index.len(), executor)
    book.save_executor(
        executor,
        {
            "version": 1,
            "operator": operator,
            "runtimes": runtimes,
            "enabled": True,
            "registered_ns": now,
            "last_seen_ns": 0,
            "jobs_leased": 0,
            "jobs_committed": 0,
            "leases_lost": 0,
        },
    )


def announce(book: Book, caller: str, offer: ExecutorOffer, now: int) -> None:
    """Keep what an executor says it can do; the latest word counts."""
    record, before = active(book, caller)
    rules.check_offer(offer)
    record["last_seen_ns"] = now
    book.save_offer(caller, record, offer)
    # One that was started again is the same that it was, and unable to do the same.
    if before is None or rules.as_working(before) != rules.as_working(offer):
        _offer_changed(book, caller)


def _offer_changed(book: Book, executor: str) -> None:
    for stage in book.barred_from(executor):
        if pauses.forget_unable(stage, executor):
            book.save(stage)


def forget_unable(book: Book) -> None:
    """Ask executors again that were unable to build, or to read a ref: secrets that they lacked
    were set."""
    book.resolutions.forget_failures()
    for stage in book.open_stages():
        if pauses.forget_all_unable(stage):
            book.save(stage)


def set_enabled(book: Book, executor: str, enabled: bool, now: int) -> None:
    """Let an executor work or not. A disabled one loses its leases; its commitments stand."""
    known = book.executor(executor)
    if known is None:
        raise not_found(f"{executor} is not registered: see list_executors")
    record, _ = known
    if record["enabled"] != enabled:
        record["enabled"] = enabled
        book.save_executor(executor, record)
    if not enabled:
        _take_back(book, executor)


def uploader_of(stage: StageRecord) -> "str | None":
    """Who holds, or held last, the upload lease of a stage."""
    replica = stage["uploader"]
    return None if replica is None else stage["jobs"][replica]["executor"]


def _take_back(book: Book, executor: str) -> None:
    for stage in book.open_stages():
        changed = False
        for job in stage["jobs"]:
            if "Leased" in job["state"] and job["executor"] == executor:
                job_rules.requeue(job)
                changed = True
            lost = job["lost"]
            if lost is not None and lost["executor"] == executor:
                job["lost"] = None
                changed = True
        if stage["upload_until_ns"] > 0 and uploader_of(stage) == executor:
            stage["upload_until_ns"] = 0
            changed = True
        if changed:
            book.save(stage)


def active(book: Book, caller: str) -> "tuple[ExecutorRecord, ExecutorOffer | None]":
    """The caller's record and offer when it may work now; raises Denied when it may not."""
    known = book.executor(caller)
    if known is None:
        raise denied(f"{caller} is not a registered executor: ask an admin to register it")
    if not known[0]["enabled"]:
        raise denied(f"executor {caller} is disabled: ask an admin to enable it")
    return known


def count_lost_lease(book: Book, executor: str) -> None:
    """A lease ran out; its last heartbeat is noted before the lease is forgotten."""
    known = book.executor(executor)
    if known is not None:
        record = known[0]
        record["leases_lost"] += 1
        record["last_seen_ns"] = last_contact_ns(book, executor, record)
        book.save_executor(executor, record)


def uncount_lost_lease(book: Book, executor: str) -> None:
    """A lease that ran out was restored."""
    known = book.executor(executor)
    if known is not None and known[0]["leases_lost"] > 0:
        known[0]["leases_lost"] -= 1
        book.save_executor(executor, known[0])


def note_contact(book: Book, executor: str, now: int) -> None:
    """An update of the executor came."""
    known = book.executor(executor)
    if known is not None:
        known[0]["last_seen_ns"] = now
        book.save_executor(executor, known[0])


def last_contact_ns(book: Book, executor: str, record: ExecutorRecord) -> int:
    """When the last update of the executor came; 0 when none did.

    Heartbeats are not written to its record: they show in its leases. Queries leave no trace.
    """
    return max(record["last_seen_ns"], book.last_beat_ns(executor) - LEASE_NS)


def is_present(
    book: Book, executor: str, record: ExecutorRecord, offer: "ExecutorOffer | None", now: int
) -> bool:
    """Whether the executor was in contact within PRESENT_NS, and has not said that it leaves."""
    if offer is not None and offer["leaving"] is True:
        return False
    return now - last_contact_ns(book, executor, record) < rules.PRESENT_NS


def supply(book: Book) -> "list[tuple[str, set[str], ExecutorOffer | None]]":
    """(operator, runtimes, offer) of every executor that is enabled."""
    return [
        (record["operator"], rules.runtimes_of(record, offer), offer)
        for _, record, offer in book.all_executors()
        if record["enabled"]
    ]


def check_stages(book: Book, stages: "list[Stage]") -> "list[StageProblem]":
    """Why each stage cannot be built by the executors that are registered now."""
    executors = supply(book)
    found: list[StageProblem] = []
    for stage in stages[:MAX_STAGES_PER_PIPELINE]:
        problem: str | None = None
        for runtime in stage["runtime"]:
            wanted = matching.requirements(runtime, stage["resources"], stage["needs"])
            problem = matching.shortage(wanted, executors, stage["quorum"])
        found.append({"stage": stage["name"], "problem": problem})
    return found
