"""Rounds in the store: every change is written down before its consequences are sent."""

from heapq import heapify, heappop, heappush

from kybra import ic

from canisters.verification.outbox import outbox, verdict_message
from canisters.verification.records import RoundRecord, VoteRecord
from canisters.verification.rounds import rules, verifying
from canisters.verification.rounds.views import report_of, shown
from canisters.verification.store import (
    descriptions,
    manifests,
    open_rounds,
    outgoing,
    rounds,
    test_reports,
)
from shared.base.clock import WakeUp
from shared.rules.limits import MAX_OPEN_ROUNDS
from shared.rules.refused import conflict, exhausted, not_found
from shared.types.attestation import (
    CommitmentRecord,
    PipelineVerification,
    RevealInput,
    Round,
    RoundInput,
)

MANIFEST_VERSION = 1
DESCRIPTION_VERSION = 1
TEST_REPORT_VERSION = 1

_deadlines: "list[tuple[int, str]]" = []
"""Heap of (deadline, round) of the open rounds. What was superseded stays until it is on top."""


def _find(run: str, stage: str) -> "tuple[str, RoundRecord]":
    """The key and the record of a round; raises NotFound."""
    key = rules.round_key(run, stage)
    round = rounds.get(key)
    if round is None:
        raise not_found(f"there is no round for stage {stage} of {run}")
    return key, round


def _keep(key: str, round: RoundRecord) -> None:
    """Write the round; keep its deadline, or send its verdict when it is closed."""
    rounds.insert(key, round)
    if not rules.is_closed(round):
        deadline_ns = rules.deadline_ns(round)
        if open_rounds.insert(key, deadline_ns) != deadline_ns:
            heappush(_deadlines, (deadline_ns, key))
            clock.at(_next_ns())
    elif open_rounds.remove(key) is not None:
        outbox.put(verdict_message(key))


def _advance(round: RoundRecord, now_ns: int, commits_closed: bool = False) -> bool:
    return rules.advance(round, now_ns, commits_closed, report_of)


# Deadlines


def _next_ns() -> int:
    """The earliest deadline of an open round; 0 when there is none."""
    while _deadlines and open_rounds.get(_deadlines[0][1]) != _deadlines[0][0]:
        heappop(_deadlines)
    return _deadlines[0][0] if _deadlines else 0


def pass_due(now_ns: int) -> int:
    """For the wake-up timer: move on the rounds whose deadline passed; when the next one is."""
    while True:
        due_ns = _next_ns()
        if due_ns == 0 or due_ns > now_ns:
            return due_ns
        _, key = heappop(_deadlines)
        round = rounds.get(key)
        if round is None or rules.is_closed(round):
            open_rounds.remove(key)
            continue
        _advance(round, now_ns)
        # Forgets the deadline that passed, so that the next one is taken up even if it is equal.
        open_rounds.insert(key, 0)
        _keep(key, round)


clock = WakeUp(pass_due)


def rearm() -> None:
    """After an upgrade: deadlines of open rounds, and messages that were not acknowledged."""
    _deadlines[:] = [(deadline_ns, key) for key, deadline_ns in open_rounds.items()]
    heapify(_deadlines)
    clock.at(_next_ns())
    for message, _ in outgoing.items():
        outbox.retry_now(message)


# What build_executor and executors say


def open_round(request: RoundInput) -> None:
    """Open the round of a stage. The same opening again changes nothing, another is Conflict."""
    key = rules.round_key(request["run"], request["stage"])
    known = rounds.get(key)
    if known is not None:
        if rules.same_opening(known, request):
            return
        raise conflict(f"the round {key} was opened with other terms: they are final")
    rules.check_opening(request, ic.time())
    if open_rounds.len() >= MAX_OPEN_ROUNDS:
        raise exhausted(f"{MAX_OPEN_ROUNDS} rounds are open (MAX_OPEN_ROUNDS): try later")
    _keep(key, rules.opened(request))


def record_commitment(record: CommitmentRecord) -> None:
    """Take a commitment that build_executor passes on; raises Refused for one that is no vote."""
    key, round = _find(record["run"], record["stage"])
    now_ns = ic.time()
    votes = len(round["votes"])
    try:
        rules.commit(round, record, now_ns)
    finally:
        # The time may have come to move on, whether or not the commitment counts.
        if _advance(round, now_ns) or len(round["votes"]) != votes:
            _keep(key, round)


def close_commits(run: str, stage: str) -> None:
    """No further commitment will come. Said again, or after all have committed: no effect."""
    key, round = _find(run, stage)
    if _advance(round, ic.time(), commits_closed=True):
        _keep(key, round)


def cancel_round(run: str, stage: str) -> None:
    """Nobody waits for the verdict any more, because the stage has ended. Said again: no effect."""
    key, round = _find(run, stage)
    if rules.is_closed(round):
        return
    rules.cancel(round, ic.time())
    rounds.insert(key, round)
    open_rounds.remove(key)


def reveal(given: RevealInput, caller: str) -> None:
    """Open the caller's commitment; raises Refused for a reveal that is late or does not match."""
    key, round = _find(given["run"], given["stage"])
    now_ns = ic.time()
    changed = _advance(round, now_ns)
    vote = rules.vote_of_job(round, given["job"])
    was_revealed = vote is not None and vote["outcome"] is not None
    try:
        rules.reveal(round, given, caller, now_ns)
        if vote is not None and not was_revealed:
            changed = True
            _keep_attested(vote, given)
            _advance(round, now_ns)
    finally:
        if changed:
            _keep(key, round)


def _keep_attested(vote: VoteRecord, given: RevealInput) -> None:
    """Keep once what many votes attest, or thirteen of them would not fit into the round."""
    manifest, description = vote["manifest"], vote["commit_digest"]
    if not manifests.contains_key(manifest):
        manifests.insert(manifest, {"version": MANIFEST_VERSION, "files": given["files"]})
    if description is not None and not descriptions.contains_key(description):
        assert given["commit"] is not None
        descriptions.insert(
            description, {"version": DESCRIPTION_VERSION, "description": given["commit"]}
        )
    tests = vote["tests_digest"]
    if tests is not None and not test_reports.contains_key(tests):
        assert given["tests"] is not None
        test_reports.insert(tests, {"version": TEST_REPORT_VERSION, "report": given["tests"]})


def get_round(run: str, stage: str) -> Round:
    """The round as callers see it."""
    return shown(_find(run, stage)[1])


def verify_execution(run: str, stages: "list[str]") -> PipelineVerification:
    """What was agreed about stages of a run, each once."""
    verifying.check_asked(run, stages)
    return verifying.pipeline_verification(
        run,
        [
            verifying.stage_verification(name, rounds.get(rules.round_key(run, name)))
            for name in dict.fromkeys(stages)
        ],
    )
