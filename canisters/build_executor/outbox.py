"""Messages to `verification` and `webhook`, and the timer for deadlines.

Rules leave their wishes in the book; every update ends with `follow_up`, which writes them down and
arms the timer.
"""

from kybra import Async, CallResult, Principal, ic

from canisters.build_executor import deadlines
from canisters.build_executor.rounds import rules as round_rules
from canisters.build_executor.rounds import service as rounds
from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing, reporting
from canisters.build_executor.store import book, instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.clock import WakeUp
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, is_passing, refusal_of
from shared.siblings import VerificationService, WebhookService
from shared.types.errors import Done
from shared.types.release import TextResult

ROUND_PREFIX = "round:"
APPROVAL_PREFIX = "approval:"
REPORT_PREFIX = "report:"
NOT_WIRED = "not wired yet: an owner must call wire"


def perform(key: str) -> "Async[str | None]":
    """Send what the message `key` is about; why to try again, or None when all is told."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return NOT_WIRED
    if key.startswith(REPORT_PREFIX):
        again = yield from _report(WebhookService(siblings["webhook"]), key[len(REPORT_PREFIX) :])
        return counted(instruction_totals, "send report", again, CALL_CONTEXT)
    service = VerificationService(siblings["verification"])
    if key.startswith(APPROVAL_PREFIX):
        run, _, target = key[len(APPROVAL_PREFIX) :].partition("/")
        again = yield from _approve(service, run, target)
        return counted(instruction_totals, "send request_approval", again, CALL_CONTEXT)
    again = yield from _tell_round(service, key[len(ROUND_PREFIX) :])
    return counted(instruction_totals, "send round", again, CALL_CONTEXT)


def _report(service: WebhookService, run: str) -> "Async[str | None]":
    book.begin()
    report = reporting.report_of(book, run, ic.time())
    if report is None:
        return None
    answer: CallResult[Done] = yield service.report_run(report)
    _, again = refusal_of(answer)
    return again


def _tell_round(service: VerificationService, key: str) -> "Async[str | None]":
    """Tell all that the round does not know yet, one message after the other.

    The stage is read again after each answer: anything may have happened to it meanwhile.
    """
    while True:
        book.begin()
        stage = book.stage(key)
        message = None if stage is None else round_rules.next_message(stage)
        if stage is None or message is None:
            return None
        answer: CallResult[Done]
        if message == "open":
            answer = yield service.open_round(round_rules.round_input(stage))
        elif isinstance(message, int):
            job, executor, operator, commitment = round_rules.commitment_of(stage, message)
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
        elif message == "cancel":
            answer = yield service.cancel_round(stage["run"], stage["name"])
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
        now = ic.time()
        if message == "open":
            rounds.opened(book, stage, refusal, sentence, now)
        elif isinstance(message, int):
            rounds.recorded(book, stage, stage["jobs"][message], refusal, sentence, now)
        elif message == "cancel":
            rounds.cancelled(book, stage)
        else:
            rounds.closed(book, stage, refusal, sentence, now)
        # This key is being sent: the loop itself sees to the rest of its round.
        follow_up(sending=f"{ROUND_PREFIX}{key}")


def _approve(service: VerificationService, run: str, target: str) -> "Async[str | None]":
    """Ask about a target, then withdraw the request where the run is to end; why to try again."""
    if not target:
        book.begin()
        releasing.ask_of_earlier_message(book, run)
        follow_up()
        return None
    again = yield from _ask_approval(service, run, target)
    # What follows for other targets is sent by itself.
    follow_up()
    if again is None:
        again = yield from _withdraw_approval(service, run, target)
        follow_up()
    return again


def _ask_approval(service: VerificationService, run: str, target: str) -> "Async[str | None]":
    book.begin()
    request = approvals.request_of(book, run, target, ic.time())
    if request is None:
        return None
    answer: CallResult[TextResult] = yield service.request_approval(request)
    book.begin()
    if answer.Err is not None:
        return answer.Err
    result = answer.Ok
    if "Err" in result:
        sentence = error_sentence(result["Err"])
        if is_passing(result["Err"]):
            return sentence
        reason = f"the approval request was refused: {sentence}"
        releasing.approval_failed(book, run, target, reason, ic.time())
    else:
        releasing.approval_made(book, run, target, result["Ok"], ic.time())
    return None


def _withdraw_approval(service: VerificationService, run: str, target: str) -> "Async[str | None]":
    book.begin()
    standing = releasing.to_withdraw(book, run, target)
    if standing is None:
        return None
    approval, reason = standing
    answer: CallResult[Done] = yield service.withdraw_approval(approval, reason)
    book.begin()
    refusal, again = refusal_of(answer)
    if again is not None:
        return again
    if refusal is None:
        releasing.withdrawn(book, run, target, ic.time())
    else:
        releasing.withdrawal_refused(book, run, target, ic.time())
    return None


outbox = Outbox(outgoing, perform)


def pass_due(now: int) -> int:
    """For the wake-up timer: apply all deadlines that passed."""
    book.begin()
    next_ns = deadlines.pass_due(book, now)
    for key in book.take_outgoing() + book.take_reports():
        outbox.put(key)
    return counted(instruction_totals, "timer deadlines", next_ns)


clock = WakeUp(pass_due)


def follow_up(sending: str = "") -> None:
    """Write down the messages that rules asked for, and see that their deadlines are kept."""
    for key in book.take_outgoing() + book.take_reports():
        if key != sending:
            outbox.put(key)
    clock.at(book.next_due_ns())


def resume() -> None:
    """After an upgrade: memory is empty, timers are gone, the maps are as they were."""
    book.reload()
    follow_up()
    outbox.wake()
