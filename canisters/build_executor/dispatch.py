"""What leaves this canister: messages to `verification`, and the timer for what time alone does.

Rules leave their wishes in the book; every entry point ends with `follow_up`, which writes them
down and arms the timers.
"""

from kybra import Async, CallResult, Principal, ic

from canisters.build_executor import approvals, deadlines, rounds, runs
from canisters.build_executor.store import book, instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import (
    Outbox,
    error_sentence,
    is_passing,
    refusal_of,
    timer_delay_seconds,
)
from shared.siblings import VerificationService
from shared.types.errors import Done
from shared.types.release import TextResult

ROUND_PREFIX = "round:"
APPROVAL_PREFIX = "approval:"
NOT_WIRED = "not wired yet: an owner must call wire"


def perform(key: str) -> "Async[str | None]":
    """Send what the round or approval `key` needs; why to try again, or None when settled."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return NOT_WIRED
    service = VerificationService(siblings["verification"])
    if key.startswith(APPROVAL_PREFIX):
        again = yield from _ask_approval(service, key[len(APPROVAL_PREFIX) :])
        return counted(instruction_totals, "send request_approval", again, CALL_CONTEXT)
    again = yield from _tell_round(service, key[len(ROUND_PREFIX) :])
    return counted(instruction_totals, "send round", again, CALL_CONTEXT)


def _tell_round(service: VerificationService, key: str) -> "Async[str | None]":
    """Tell all that the round does not know yet, one message after the other.

    The stage is read again after each answer: anything may have happened to it meanwhile.
    """
    while True:
        book.begin()
        stage = book.stage(key)
        message = None if stage is None else rounds.next_message(stage)
        if stage is None or message is None:
            return None
        answer: CallResult[Done]
        if message == "open":
            answer = yield service.open_round(rounds.round_input(stage))
        elif isinstance(message, int):
            job, executor, operator, commitment = rounds.commitment_of(stage, message)
            answer = yield service.record_commitment(
                {
                    "run": stage["run"],
                    "stage": stage["name"],
                    "job": job,
                    "executor": Principal.from_str(executor),
                    "operator": operator,
                    "commitment": commitment,
                }
            )
        else:
            answer = yield service.close_commits(stage["run"], stage["name"])
        book.begin()
        refusal, again = refusal_of(answer)
        if again is not None:
            return again
        sentence = "" if refusal is None else error_sentence(refusal)
        stage = book.stage(key)
        if stage is None:
            return None
        if message == "open":
            rounds.opened(book, stage, refusal, sentence, ic.time())
        elif isinstance(message, int):
            rounds.recorded(book, stage, stage["jobs"][message], refusal, sentence)
        else:
            rounds.closed(book, stage, refusal, sentence, ic.time())
        # This key is being sent: the loop itself sees to the rest of its round.
        follow_up(sending=f"{ROUND_PREFIX}{key}")


def _ask_approval(service: VerificationService, run: str) -> "Async[str | None]":
    book.begin()
    question = approvals.question(book, run, ic.time())
    if question is None:
        return None
    answer: CallResult[TextResult] = yield service.request_approval(question)
    book.begin()
    if answer.Err is not None:
        return answer.Err
    result = answer.Ok
    if "Err" in result:
        sentence = error_sentence(result["Err"])
        if is_passing(result["Err"]):
            return sentence
        runs.run_failed(book, run, f"the approval request was refused: {sentence}", ic.time())
    else:
        runs.approval_made(book, run, result["Ok"], ic.time())
    return None


outbox = Outbox(outgoing, perform)


class Clock:
    """One timer for the earliest time at which an open stage changes by itself."""

    def __init__(self) -> None:
        self._armed_ns = 0

    def arm(self, due_ns: int) -> None:
        """Wake at `due_ns` (0: nothing to wake for), unless a timer fires before anyway."""
        now = ic.time()
        if due_ns == 0 or now < self._armed_ns <= due_ns:
            return
        self._armed_ns = max(due_ns, now + 1)
        ic.set_timer(timer_delay_seconds(now, due_ns), self._wake)

    def _wake(self) -> None:
        now = ic.time()
        if now < self._armed_ns:
            return
        book.begin()
        self._armed_ns = 0
        next_ns = deadlines.tick(book, now)
        follow_up()
        self.arm(next_ns)
        counted(instruction_totals, "timer deadlines", None)


clock = Clock()


def follow_up(sending: str = "") -> None:
    """Write down the messages that rules asked for, and see that their deadlines are kept."""
    for key in book.take_outgoing():
        if key != sending:
            outbox.put(key)
    clock.arm(book.take_wake_ns())


def resume() -> None:
    """After an upgrade: memory is empty, timers are gone, the maps are as they were."""
    book.reload()
    follow_up()
    outbox.wake()
