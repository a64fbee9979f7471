"""What a run waits for, in one sentence each, since when, and when something is tried next.

Computed from the records whenever it is asked for: nothing of it is stored.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.artifacts import uploads
from canisters.build_executor.executors import rules as executor_rules
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.keys import key_of, stage_key
from canisters.build_executor.runs import rules
from shared.rules import matching
from shared.rules.limits import MAX_TEXT_CHARS, REVEAL_WINDOW_NS, SECOND_NS

if TYPE_CHECKING:
    from canisters.build_executor.book import Book
    from canisters.build_executor.records import ExecutorRecord, JobRow, RunRecord, StageRecord
    from shared.base.records import Lookup, Outgoing
    from shared.types.run import ExecutorOffer, WaitingFor

NAMES_IN_A_SENTENCE = 3


def sentence_of(names: "list[str]") -> str:
    """Names for a sentence: `a`, `a and b`, `a, b, c and 4 more`."""
    if len(names) > NAMES_IN_A_SENTENCE:
        more = len(names) - NAMES_IN_A_SENTENCE
        return f"{', '.join(names[:NAMES_IN_A_SENTENCE])} and {more} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def duration_text(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


class Waiting:
    """Answers for the runs of one query. `outgoing` are the messages that were not answered yet."""

    def __init__(self, book: "Book", outgoing: "Lookup[str, Outgoing]", now: int) -> None:
        self._book = book
        self._outgoing = outgoing
        self._now = now
        self._executors: list[tuple[str, ExecutorRecord, ExecutorOffer | None]] | None = None

    def of_run(self, run: str, record: "RunRecord") -> "list[WaitingFor]":
        """All that a run waits for now; empty when it has ended."""
        state = record["state"]
        since_ns = record["since_ns"] or record["updated_ns"]
        if record["cancelled_by"] is not None:
            reason = "verification withdraws the approval request: the run is being cancelled"
            return [self._of_message(f"approval:{run}", None, reason, record["updated_ns"])]
        if "Approving" in state:
            reason = f"approvers decide {record['approval'] or 'the approval request'}"
            return [_entry(None, reason, since_ns, None)]
        if "Releasing" in state:
            reason = f"deployment carries out {record['release'] or 'the release'}"
            return [_entry(None, reason, since_ns, None)]
        if not rules.is_building(record):
            return []
        if record["approval_by_ns"] > 0:
            reason = "verification takes the approval request"
            return [self._of_message(f"approval:{run}", None, reason, record["updated_ns"])]
        found: list[WaitingFor] = []
        for opened in record["opened"]:
            stage = self._book.stage(stage_key(run, opened["name"]))
            if stage is not None and "Building" in stage["state"]:
                found.append(self._of_building(stage))
            elif stage is not None and "Storing" in stage["state"]:
                found.append(self._of_storing(stage))
        return found

    def _of_message(
        self, key: str, stage: "str | None", reason: str, since_ns: int
    ) -> "WaitingFor":
        """Waiting for the answer to a message; why it is sent again, if it is."""
        entry = self._outgoing.get(key)
        if entry is None or not entry["last_error"]:
            return _entry(stage, reason, since_ns, None)
        reason = f"{reason}, which was not possible yet: {entry['last_error']}"
        return _entry(stage, reason, since_ns, entry["due_ns"])

    def _of_building(self, stage: "StageRecord") -> "WaitingFor":
        name, now = stage["name"], self._now
        opened_ns = stage["opened_ns"] or 0
        entry = self._outgoing.get(f"round:{key_of(stage)}")
        if entry is not None and entry["last_error"] and not stage["closing"]:
            reason = f"verification does not take part: {entry['last_error']}"
            return _entry(name, reason, opened_ns, entry["due_ns"])
        committed = job_rules.committed(stage)
        counted = f"{len(committed)} of {stage['replicas']} operators have committed"
        latest_ns = max((job["committed_ns"] or 0 for job in committed), default=opened_ns)
        if stage["closing"]:
            closing_ns = stage["closing_ns"] or latest_ns
            reopens_ns = job_rules.reopens_ns(stage)
            if now < reopens_ns:
                reason = f"{counted} and reveal their results"
                return _entry(name, reason, closing_ns, reopens_ns)
            reason = f"{counted}, their results have no quorum: further votes are awaited"
            return _entry(name, reason, closing_ns, stage["commit_until_ns"])
        if not job_rules.is_waiting_for_commitments(stage):
            reason = f"{counted} and reveal their results"
            return _entry(name, reason, latest_ns, latest_ns + REVEAL_WINDOW_NS)
        grace_ns = job_rules.grace_end_ns(stage)
        if grace_ns is not None:
            reason = f"{counted}, which is the quorum: the others have a short grace"
            return _entry(name, reason, latest_ns, grace_ns)
        leased = [
            job for job in stage["jobs"] if "Leased" in job["state"] and job["lease_until_ns"] > now
        ]
        if leased and len(leased) + len(committed) >= stage["quorum"]:
            begun_ns = min(job["leased_ns"] or opened_ns for job in leased)
            ends = [job["lease_end_ns"] for job in leased if job["lease_end_ns"] is not None]
            return _entry(name, _at_work(leased), begun_ns, max(ends, default=None))
        return self._of_missing(stage, latest_ns)

    def _of_missing(self, stage: "StageRecord", since_ns: int) -> "WaitingFor":
        """Too few operators work on the stage: why no more do."""
        name, now = stage["name"], self._now
        wanted = [
            requirement
            for runtime in stage["runtime"]
            for requirement in matching.requirements(runtime, stage["resources"], stage["needs"])
        ]
        enabled = [each for each in self._all() if each[1]["enabled"]]
        supply = [
            (record["operator"], executor_rules.runtimes_of(record, offer), offer)
            for _, record, offer in enabled
        ]
        shortage = matching.shortage(wanted, supply, stage["quorum"])
        if shortage is not None:
            return _entry(name, shortage, since_ns, stage["commit_until_ns"])
        taken = {job["operator"] for job in stage["jobs"] if job["operator"] is not None}
        free = [
            (principal, record, offer)
            for principal, record, offer in enabled
            if record["operator"] not in taken
            and matching.misfit(wanted, executor_rules.runtimes_of(record, offer), offer) is None
        ]
        here = [each for each in free if self._is_present(*each)]
        if not here:
            seen_ns = max((each[1]["last_seen_ns"] for each in free), default=0)
            ago = duration_text((now - seen_ns) // SECOND_NS) if seen_ns else ""
            last = f", the last was seen {ago} ago" if ago else ""
            reason = f"no executor that offers what the stage needs is at work{last}"
            return _entry(name, reason, since_ns, stage["commit_until_ns"])
        ready = [
            (principal, record, offer)
            for principal, record, offer in here
            if job_rules.paused_until(stage, record["operator"], principal) <= now
        ]
        if not ready:
            return _of_pauses(stage, since_ns)
        if all(
            self._book.slots_taken(principal, now) >= executor_rules.slots_of(offer)
            for principal, _, offer in ready
        ):
            names = sorted({record["operator"] for _, record, _ in ready})
            reason = f"all executors that fit are busy with other jobs: {sentence_of(names)}"
            return _entry(name, reason, since_ns, None)
        return _entry(name, "an executor takes the next job", since_ns, None)

    def _of_storing(self, stage: "StageRecord") -> "WaitingFor":
        since_ns = max((job["committed_ns"] or 0 for job in stage["jobs"]), default=0)
        replica = stage["uploader"]
        if replica is not None and stage["upload_until_ns"] > self._now:
            operator = stage["jobs"][replica]["operator"]
            reason = f"operator {operator} uploads the agreed files"
            return _entry(stage["name"], reason, since_ns, stage["upload_until_ns"])
        agreeing = [stage["jobs"][each] for each in stage["agreeing"]]
        names = sorted({job["operator"] or "" for job in agreeing})
        reason = f"an operator that agreed brings the agreed files: {sentence_of(names)}"
        last = [
            each
            for job in agreeing
            for each in job["failures"] or []
            if each["cause"] == uploads.UPLOAD
        ]
        if last:
            reason = f"{reason} ({last[-1]['operator']}: {last[-1]['reason']})"
        waits = [job["ask_again_ns"] for job in agreeing if job["ask_again_ns"] > self._now]
        return _entry(stage["name"], reason, since_ns, min(waits, default=None))

    def _all(self) -> "list[tuple[str, ExecutorRecord, ExecutorOffer | None]]":
        if self._executors is None:
            self._executors = self._book.all_executors()
        return self._executors

    def _is_present(
        self, principal: str, record: "ExecutorRecord", offer: "ExecutorOffer | None"
    ) -> bool:
        """Whether the executor was heard of lately, and has said what it can do."""
        seen_ns = max(record["last_seen_ns"], self._book.last_beat_ns(principal))
        return offer is not None and self._now - seen_ns < executor_rules.PRESENT_NS


def _entry(
    stage: "str | None", reason: str, since_ns: int, next_try_ns: "int | None"
) -> "WaitingFor":
    return {
        "stage": stage,
        "reason": reason[:MAX_TEXT_CHARS],
        "since_ns": since_ns,
        "next_try_ns": next_try_ns,
    }


def _at_work(leased: "list[JobRow]") -> str:
    names = []
    for job in leased:
        phase = job["phase"]
        names.append(f"{job['operator']}" if phase is None else f"{job['operator']} ({phase})")
    return f"at work: {sentence_of(sorted(names))}"


def _of_pauses(stage: "StageRecord", since_ns: int) -> "WaitingFor":
    """All who could do it failed before: the one that comes back first, and why it failed."""
    first = min(job_rules.pauses(stage), key=lambda pause: pause["until_ns"])
    said = f"operator {first['operator']}: {first['reason']}"
    if first["until_ns"] >= job_rules.NEVER_NS:
        reason = f"no executor that fits is able to build it: {said}"
        return _entry(stage["name"], reason, since_ns, stage["commit_until_ns"])
    return _entry(
        stage["name"], f"the next attempt after a failure, {said}", since_ns, first["until_ns"]
    )
