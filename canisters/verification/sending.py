"""Messages of `verification` to its siblings: verdicts and release orders, sent until answered."""

from kybra import Async, CallResult, ic

from canisters.verification.approvals import order_of
from canisters.verification.store import approvals, outgoing, rounds, totals, wiring
from canisters.verification.views import verdict_of
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, is_passing, refusal_of
from shared.siblings import BuildExecutorService, DeploymentService
from shared.types.errors import Done
from shared.types.release import TextResult

NOT_WIRED = "this canister is not wired yet: an owner must call wire"


def verdict_message(key: str) -> str:
    """Name of the message that tells `build_executor` the verdict of the round `key`."""
    return f"verdict:{key}"


def release_message(number: int) -> str:
    """Name of the message that orders the release of an approval."""
    return f"release:{number}"


def _perform(message: str) -> "Async[str | None]":
    kind, _, key = message.partition(":")
    if kind == "verdict":
        again = yield from _send_verdict(key)
    else:
        again = yield from _order_release(int(key))
    return counted(totals, f"send {kind}", again, CALL_CONTEXT)


def _send_verdict(key: str) -> "Async[str | None]":
    siblings = siblings_of(wiring)
    round = rounds.get(key)
    if siblings is None:
        return NOT_WIRED
    verdict = None if round is None else verdict_of(round)
    if round is None or verdict is None:
        return None
    answer: CallResult[Done] = yield BuildExecutorService(
        siblings["build_executor"]
    ).record_verdict({"run": round["run"], "stage": round["stage"], "verdict": verdict})
    refusal, again = refusal_of(answer)
    if refusal is not None:
        # Final: build_executor knows better (the run was cancelled). The round keeps its verdict.
        ic.print(f"verdict of {key} was refused: {error_sentence(refusal)}")
    return again


def _order_release(number: int) -> "Async[str | None]":
    siblings = siblings_of(wiring)
    record = approvals.get(number)
    if siblings is None:
        return NOT_WIRED
    if record is None or "Approved" not in record["state"]:
        return None
    answer: CallResult[TextResult] = yield DeploymentService(siblings["deployment"]).start_release(
        order_of(record)
    )
    if answer.Err is not None:
        return answer.Err
    result = answer.Ok
    if "Err" in result and is_passing(result["Err"]):
        return error_sentence(result["Err"])
    record = approvals.get(number)
    if record is None or "Approved" not in record["state"]:
        return None
    if "Ok" in result:
        record["state"] = {"Released": result["Ok"]}
    else:
        sentence = error_sentence(result["Err"])
        record["state"] = {"Blocked": f"approved, but deployment refused the order: {sentence}"}
    approvals.insert(number, record)
    return None


outbox = Outbox(outgoing, _perform)
