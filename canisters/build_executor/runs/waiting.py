"""What a run waits for, in one sentence each, since when, and when something is tried next.

Computed from the records whenever it is asked for: nothing of it is stored.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.artifacts import uploads
from canisters.build_executor.executors import rules as executor_rules
from canisters.build_executor.executors import service as executors
from canisters.build_executor.jobs import rules as job_rules
from canisters.build_executor.jobs.pauses import NEVER_NS, pause_of, paused_until, pauses_of
from canisters.build_executor.keys import approval_message, key_of, stage_key
from canisters.build_executor.resolutions import rules as resolving
from canisters.build_executor.runs import rules, targets
from shared.rules import matching
from shared.rules.cutting import cut
from shared.rules.limits import MAX_TEXT_CHARS, SECOND_NS
from shared.rules.moments import clock_text, date_text, day_of

if TYPE_CHECKING:
    from canisters.build_executor.book import Book
    from canisters.build_executor.records import (
        ExecutorRecord,
        JobRow,
        Pause,
        RunRecord,
        StageRecord,
        TargetRow,
    )
    from shared.base.records import Lookup, Outgoing
    from shared.types.executor import ExecutorOffer
    from shared.types.run import WaitingFor

NAMES_IN_A_SENTENCE = 3
# Executors that have nothing to do ask every few seconds: a job that fits is not free for longer.
TAKEN_WITHIN_NS = 20 * SECOND_NS


def sentence_of(names: "list[str]") -> str:
    """Names for a sentence: `a`, `a and b`, `a, b, c and 4 more`."""
    if len(names) > NAMES_IN_A_SENTENCE:
        more = len(names) - NAMES_IN_A_SENTENCE
        return f"{', '.join(names[:NAMES_IN_A_SENTENCE])} and {more} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def moment_text(at_ns: int, now: int) -> str:
    """`13:34:08 UTC`, with the day when that is another one than today.

    A moment and not how long ago it was: the sentence stays the same while nothing happens.
    """
    return clock_text(at_ns) if day_of(at_ns) == day_of(now) else date_text(at_ns)


class Waiting:
    """Answers for the runs of one query. `outgoing` are the messages that were not answered yet."""

    def __init__(self, book: "Book", outgoing: "Lookup[str, Outgoing]", now: int) -> None:
        self._book = book
        self._outgoing = outgoing
        self._now = now
        self._executors: list[tuple[str, ExecutorRecord, ExecutorOffer | None]] | None = None
        self._let: dict[tuple[str, str], int] = {}

    def of_run(self, run: str, record: "RunRecord", rows: "list[TargetRow]") -> "list[WaitingFor]":
        """All that a run waits for now; empty when it has ended. `rows` are its targets."""
        state = record["state"]
        found: list[WaitingFor] = []
        is_released = "Approving" in state or "Releasing" in state
        if is_released or any(targets.is_asking(row) for row in rows):
            for row in rows:
                entry = self._of_target(run, record, rows, row)
                if entry is not None:
                    found.append(entry)
            return found
        if not rules.is_building(record):
            return []
        resolution = self._book.resolutions.asked(run)
        if resolution is not None:
            return [_entry(None, resolving.described(resolution), resolution["opened_ns"], None)]
        for opened in record["opened"]:
            stage = self._book.stage(stage_key(run, opened["name"]))
            if stage is not None and "Building" in stage["state"]:
                found.append(self._of_building(stage, record))
            elif stage is not None and "Storing" in stage["state"]:
                found.append(self._of_storing(stage))
        for entry in found:
            # Stages and commitments of 0.1.0 say no times: not before there was the run.
            entry["since_ns"] = max(entry["since_ns"], record["created_ns"])
        return found

    def _of_target(
        self, run: str, record: "RunRecord", rows: "list[TargetRow]", row: "TargetRow"
    ) -> "WaitingFor | None":
        """What a target that people or a release are at work on waits for."""
        which = "" if len(rows) == 1 else f" for target {row['target']}"
        key = approval_message(run, row["target"])
        since_ns = record["since_ns"] or record["updated_ns"]
        if targets.is_undecided(row) and targets.is_ending(record, rows):
            word = "is being cancelled" if record["cancelled_by"] is not None else "is to end"
            reason = f"verification withdraws the approval request{which}: the run {word}"
            return self._of_message(key, None, reason, record["updated_ns"])
        if targets.is_asking(row):
            reason = f"verification takes the approval request{which}"
            return self._of_message(key, None, reason, record["updated_ns"])
        if "Approving" in row["state"]:
            reason = f"approvers decide {row['approval'] or 'the approval request'}{which}"
            return _entry(None, reason, since_ns, None)
        if "Releasing" in row["state"]:
            reason = f"deployment carries out {row['release'] or 'the release'}{which}"
            return _entry(None, reason, since_ns, None)
        return None

    def _of_message(
        self, key: str, stage: "str | None", reason: str, since_ns: int
    ) -> "WaitingFor":
        """Waiting for the answer to a message; why it is sent again, if it is."""
        entry = self._outgoing.get(key)
        if entry is None or not entry["last_error"]:
            return _entry(stage, reason, since_ns, None)
        reason = f"{reason}, which was not possible yet: {entry['last_error']}"
        return _entry(stage, reason, since_ns, entry["due_ns"])

    def _of_building(self, stage: "StageRecord", record: "RunRecord") -> "WaitingFor":
        name, now = stage["name"], self._now
        opened_ns = stage["opened_ns"] or 0
        entry = self._outgoing.get(f"round:{key_of(stage)}")
        told = stage["round_open"] and stage["closing"]
        if entry is not None and entry["last_error"] and not told:
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
                return _entry(name, reason, closing_ns, None)
            # Who has revealed is known to verification alone: one that is away may be missing.
            reason = f"{counted}, what they revealed so far is no quorum of equal results: "
            leased = self._leased(stage)
            reason += _at_work(leased) if leased else "further votes are awaited"
            return _entry(name, reason, closing_ns, None)
        if not job_rules.is_waiting_for_commitments(stage):
            reason = f"{counted} and reveal their results"
            return _entry(name, reason, latest_ns, None)
        grace_ns = job_rules.grace_end_ns(stage)
        if grace_ns is not None:
            until = moment_text(grace_ns, now)
            reason = f"{counted}, which is the quorum: the others have until {until}"
            return _entry(name, reason, latest_ns, None)
        leased = self._leased(stage)
        if leased and len(leased) + len(committed) >= stage["quorum"]:
            begun_ns = min(job["leased_ns"] or opened_ns for job in leased)
            return _entry(name, _at_work(leased), begun_ns, None)
        return self._of_missing(stage, record, latest_ns)

    def _leased(self, stage: "StageRecord") -> "list[JobRow]":
        """The jobs that executors hold now."""
        return [
            job
            for job in stage["jobs"]
            if "Leased" in job["state"] and job["lease_until_ns"] > self._now
        ]

    def _of_missing(self, stage: "StageRecord", record: "RunRecord", since_ns: int) -> "WaitingFor":
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
            return _entry(name, shortage, since_ns, None)
        at_work = self._book.held_up(stage)
        if at_work:
            group = stage["group"] or name
            jobs = "job is" if at_work == 1 else "jobs are"
            reason = f"its turn: {at_work} {jobs} at work, as many as parallel of {group} lets"
            held = self._leased(stage)
            reason = f"{reason}{f'; {_at_work(held)}' if held else ''}"
            return _entry(name, reason, since_ns, None)
        taken = {job["operator"] for job in stage["jobs"] if job["operator"] is not None}
        free = [
            (principal, record, offer)
            for principal, record, offer in enabled
            if record["operator"] not in taken
            and matching.misfit(wanted, executor_rules.runtimes_of(record, offer), offer) is None
        ]
        here = [each for each in free if each[2] is not None and self._is_present(each)]
        if not here:
            # Until then one was there, and it was not this that the run waited for.
            gone_ns = max(since_ns, self._last_contact(free)[0])
            return _entry(name, f"no executor{self._last_of(free)}", gone_ns, None)
        found = [pause_of(stage, each[1]["operator"], each[0]) for each in here]
        pauses = [pause for pause in found if pause is not None and pause["until_ns"] > now]
        if len(pauses) == len(here):
            return _of_pauses(stage["name"], pauses, since_ns)
        ready = [each for each in here if paused_until(stage, each[1]["operator"], each[0]) <= now]
        idle = [each for each in ready if not self._is_busy(each)]
        if not idle:
            names = sorted({record["operator"] for _, record, _ in ready})
            reason = f"all executors that fit are busy with other jobs: {sentence_of(names)}"
            return _entry(name, reason, since_ns, None)
        free_ns = _free_since(stage, [each[1]["operator"] for each in idle], now)
        free_ns = max(free_ns, self._let_since(stage, record))
        # Who is killed does not say that it ends: what is known is when one was heard of. One that
        # was heard of since then may have been at other work until that moment.
        seen_ns, operator = self._last_contact(idle)
        if now - max(free_ns, seen_ns) > TAKEN_WITHIN_NS:
            # They would have taken it: what was heard of them is not of now.
            return _entry(name, f"no executor{self._last_of(idle)}", free_ns, None)
        heard = f"last contact {moment_text(seen_ns, now)}, operator {operator}"
        return _entry(name, f"an executor is to take the next job ({heard})", since_ns, None)

    def _let_since(self, stage: "StageRecord", record: "RunRecord") -> int:
        """When the bound of the stage's group may have let it have a job at last; 0 without one:
        when the latest of the jobs of its group ended. Computed once a group of a run: each of its
        stages asks, and reading them all takes as long as there are stages."""
        group = stage["group"]
        if group is None:
            return 0
        known = self._let.get((stage["run"], group))
        if known is not None:
            return known
        times = [0]
        for opened in record["opened"]:
            other = self._book.stage(stage_key(stage["run"], opened["name"]))
            if other is not None and other["group"] == group:
                for job in other["jobs"]:
                    times.append(job["committed_ns"] or 0)
                    times += [each["at_ns"] for each in job["failures"] or []]
        self._let[(stage["run"], group)] = max(times)
        return max(times)

    def _is_present(self, one: "tuple[str, ExecutorRecord, ExecutorOffer | None]") -> bool:
        return executors.is_present(self._book, one[0], one[1], one[2], self._now)

    def _is_busy(self, one: "tuple[str, ExecutorRecord, ExecutorOffer | None]") -> bool:
        """Whether all slots of an executor are taken, by builds or by uploads."""
        principal, _, offer = one
        taken = self._book.slots_taken(principal, self._now)
        for stage in self._book.stored_by(principal):
            if stage["upload_until_ns"] > self._now:
                taken += executors.uploader_of(stage) == principal
        return taken >= executor_rules.slots_of(offer)

    def _last_of(self, away: "list[tuple[str, ExecutorRecord, ExecutorOffer | None]]") -> str:
        """The rest of a sentence: whose contact was the last of those that do not work now."""
        seen_ns, operator = self._last_contact(away)
        names = {each[0] for each in away}
        others = [each for each in self._all() if each[1]["enabled"] and each[0] not in names]
        is_anyone = any(self._is_present(each) for each in others)
        what = " of a further operator that fits is at work" if is_anyone else " is at work"
        if seen_ns <= 0:
            return f"{what}: start one"
        last = f"last contact {moment_text(seen_ns, self._now)}, operator {operator}"
        return f"{what} ({last}): start one"

    def _last_contact(
        self, among: "list[tuple[str, ExecutorRecord, ExecutorOffer | None]]"
    ) -> "tuple[int, str]":
        """(when, operator) of the executor that was heard of last; (0, "") when there is none."""
        contacts = [
            (executors.last_contact_ns(self._book, principal, record), record["operator"])
            for principal, record, _ in among
        ]
        return max(contacts, default=(0, ""))

    def _of_storing(self, stage: "StageRecord") -> "WaitingFor":
        since_ns = max((job["committed_ns"] or 0 for job in stage["jobs"]), default=0)
        replica = stage["uploader"]
        if replica is not None and stage["upload_until_ns"] > self._now:
            operator = stage["jobs"][replica]["operator"]
            reason = f"operator {operator} uploads the agreed files"
            return _entry(stage["name"], reason, since_ns, None)
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


def _entry(
    stage: "str | None", reason: str, since_ns: int, next_try_ns: "int | None"
) -> "WaitingFor":
    return {
        "stage": stage,
        "reason": cut(reason, MAX_TEXT_CHARS),
        "since_ns": since_ns,
        "next_try_ns": next_try_ns,
    }


def _at_work(leased: "list[JobRow]") -> str:
    names = []
    for job in leased:
        phase = job["phase"]
        names.append(f"{job['operator']}" if phase is None else f"{job['operator']} ({phase})")
    # A job that is tried again, as while its repository is away, would look like the first attempt.
    failures = [each for job in leased for each in job["failures"] or []]
    last = max(failures, key=lambda each: each["at_ns"], default=None)
    again = (
        "" if last is None else f" (after a failure, operator {last['operator']}: {last['reason']})"
    )
    return f"at work: {sentence_of(sorted(names))}{again}"


def _of_pauses(name: str, pauses: "list[Pause]", since_ns: int) -> "WaitingFor":
    """All who could do it have failed: the one that comes back first, and why it failed."""
    first = min(pauses, key=lambda pause: pause["until_ns"])
    said = f"operator {first['operator']}: {first['reason']}"
    if first["until_ns"] >= NEVER_NS:
        return _entry(name, _of_unable(pauses), since_ns, None)
    return _entry(name, f"the next attempt after a failure, {said}", since_ns, first["until_ns"])


# How executors begin what they say of a secret that they lack; it comes from secrets/service.py of
# pipeline_config, or from themselves.
_OF_SECRETS = ("the secret ", "there is no secret ")


def _of_unable(pauses: "list[Pause]") -> str:
    """All executors that fit have said that they cannot: what they said, and what ends it."""
    names = sentence_of(sorted({pause["operator"] for pause in pauses}))
    reasons = sorted({pause["reason"] for pause in pauses})
    of_secrets = [each for each in reasons if each.startswith(_OF_SECRETS)]
    first = of_secrets[0] if of_secrets else reasons[0]
    more = ""
    if len(reasons) > 1:
        more = f" (and {len(reasons) - 1} other {'reason' if len(reasons) == 2 else 'reasons'})"
    said = f"no executor that fits is able to build it (asked: {names}): {first}{more}. "
    if of_secrets:
        # Whatever is set or sealed, all are asked again: see executors.forget_unable.
        return (
            f"{said}They are asked again when a secret is set or sealed: do so, or cancel the run"
        )
    # Others are waited for: an executor's word that it cannot is not an agreed failure.
    return (
        f"{said}None of them is asked again while it offers the same: start one of another version "
        "or offer, or cancel the run"
    )


def _free_since(stage: "StageRecord", operators: "list[str]", now: int) -> int:
    """Since when the stage has a job that executors of these operators may take."""
    times = [stage["opened_ns"] or 0]
    if stage["closing"]:
        times.append(job_rules.reopens_ns(stage))
    for job in stage["jobs"]:
        failures = job["failures"] or []
        if "Queued" in job["state"] and failures:
            times.append(failures[-1]["at_ns"])
    for pause in pauses_of(stage):
        if pause["operator"] in operators and pause["until_ns"] <= now:
            times.append(pause["until_ns"])
    return max(times)
