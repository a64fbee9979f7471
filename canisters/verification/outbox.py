"""Messages of `verification` to its siblings, sent until answered.

| message | to | says |
|---|---|---|
| `verdict:<run>/<stage>` | build_executor | the verdict of a round |
| `notice:<n>` | build_executor | what became of a run's approval request |
| `release:<n>` | deployment | an order that was approved |
| `plan:<n>` | deployment | asks for the plan of a request that an earlier version made |
| `count:<n>` | nobody | counts the votes on a request again: its policy has changed |
| `earlier:<n>` | deployment | asks what became of the release of a request of 0.1.0 |
"""

from kybra import Async, CallResult, ic

from canisters.verification.approvals import counting, earlier, progress, rules
from canisters.verification.approvals.expiry import Expiry
from canisters.verification.approvals.files import ordered_assets
from canisters.verification.approvals.latest import latest_of, note_latest
from canisters.verification.approvals.orders import EARLIER_DEPLOYMENT, make_order, release_order
from canisters.verification.approvals.requests import attempt_of
from canisters.verification.approvals.rules import state_at
from canisters.verification.approvals.verdict import verdict_behind
from canisters.verification.gates.rules import first_failure
from canisters.verification.records import ApprovalRecord
from canisters.verification.rounds.views import verdict_of
from canisters.verification.store import (
    approval_orders,
    approvals,
    open_approvals,
    outgoing,
    rounds,
    totals,
    wiring,
)
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, is_passing, refusal_of
from shared.rules.creation import unbound
from shared.rules.limits import MAX_OPEN_APPROVALS, MAX_PLAN_ATTEMPTS
from shared.rules.orders import order_digest
from shared.rules.references import targets_of
from shared.siblings import BuildExecutorService, DeploymentService
from shared.types.approval import ApprovalInput
from shared.types.errors import Done
from shared.types.release import PlanRequest, PlanResult, TextResult

NOT_WIRED = "this canister is not wired yet: an owner must call wire"


def verdict_message(key: str) -> str:
    """Name of the message that tells `build_executor` the verdict of the round `key`."""
    return f"verdict:{key}"


def release_message(number: int) -> str:
    """Name of the message that orders the release of an approval."""
    return f"release:{number}"


def notice_message(number: int) -> str:
    """Name of the message that tells `build_executor` what became of a request."""
    return f"notice:{number}"


def plan_message(number: int) -> str:
    """Name of the message that makes the order of a request that has none yet."""
    return f"plan:{number}"


def count_message(number: int) -> str:
    """Name of the message that counts the votes on a request by a policy that has changed."""
    return f"count:{number}"


def tell(number: int) -> None:
    """Have the run of a request told what became of that."""
    outbox.put(notice_message(number))


def earlier_message(number: int) -> str:
    """Name of the message that tells of a request that 0.1.0 stored, and of those before it."""
    return f"{earlier.PREFIX}{number}"


def plan_request(request: ApprovalInput, release: "str | None" = None) -> PlanRequest:
    """Ask what the request would do now; `release` is the last one of its order, if it had one."""
    return {
        "target": request["target"],
        "repository": request["source"]["repository"],
        "run": request["run"],
        "stage": request["stage"],
        "artifact": request["artifact"],
        "sha256": request["sha256"],
        "size": request["size"],
        "mode": request["mode"],
        "memory": request["memory"],
        "references": targets_of(
            (request["install_references"] or []) + (request["upgrade_references"] or [])
        ),
        "release": release,
    }


def _perform(message: str) -> "Async[str | None]":
    kind, _, key = message.partition(":")
    if kind == "verdict":
        again = yield from _send_verdict(key)
    elif kind == "notice":
        again = yield from _send_notice(int(key))
    elif kind == "plan":
        again = yield from _plan(int(key))
    elif kind == "count":
        again = _count(int(key))
    elif kind == "earlier":
        again = yield from _tell_earlier(int(key))
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


def _send_notice(number: int) -> "Async[str | None]":
    siblings = siblings_of(wiring)
    record = approvals.get(number)
    if siblings is None:
        return NOT_WIRED
    if record is None:
        return None
    answer: CallResult[Done] = yield BuildExecutorService(
        siblings["build_executor"]
    ).record_release(
        {
            "run": record["request"]["run"],
            "approval": record["approval"],
            "release": record["release"],
            "state": progress.notice_of(record),
            "attempt": attempt_of(record["request"]),
            "target": record["request"]["target"],
        }
    )
    refusal, again = refusal_of(answer)
    if refusal is not None:
        ic.print(f"notice of {record['approval']} was refused: {error_sentence(refusal)}")
    return again


def _plan(number: int) -> "Async[str | None]":
    siblings = siblings_of(wiring)
    record = approvals.get(number)
    if siblings is None:
        return NOT_WIRED
    if record is None or approval_orders.contains_key(number):
        return None
    if rules.is_over(state_at(record, ic.time(), latest_of(record["request"]["target"]))):
        # What nobody may approve any more needs no order.
        return None
    answer: CallResult[PlanResult] = yield DeploymentService(siblings["deployment"]).plan_release(
        plan_request(record["request"])
    )
    if answer.Err is not None:
        return _put_off(number, answer.Err)
    record = approvals.get(number)
    if record is None:
        return None
    request = record["request"]
    verdict = verdict_behind(request)
    problem: str | None = None
    if "Err" in answer.Ok:
        if is_passing(answer.Ok["Err"]):
            return _put_off(number, error_sentence(answer.Ok["Err"]))
        problem = error_sentence(answer.Ok["Err"])
    elif isinstance(verdict, str):
        problem = verdict
    else:
        # Requests that have no order yet are of 0.1.0, which put no files into targets.
        order = make_order(request, answer.Ok["Ok"], verdict, None)
        if isinstance(order, str):
            problem = order
        elif unbound(order) is not None:
            return _put_off(number, EARLIER_DEPLOYMENT)
        else:
            approval_orders.insert(number, {"version": 1, "order": order})
            record["mode"] = order["mode"]
            record["gates"] = order["gates"]
            problem = first_failure(order["gates"])
    now = state_at(record, ic.time(), latest_of(request["target"]))
    if problem is not None and "Pending" in now:
        record["state"] = {"Blocked": problem}
        open_approvals.remove(number)
        outbox.put(notice_message(number))
    elif "Approved" in now and not approval_orders.contains_key(number):
        rules.give_up(record, problem or "")
        outbox.put(notice_message(number))
    approvals.insert(number, record)
    # An approval that an earlier version gave is ordered now.
    if "Approved" in record["state"] and approval_orders.contains_key(number):
        outbox.put(release_message(number))
    return None


def _count(number: int) -> "str | None":
    """Approve a request whose votes suffice by the policy that is in force now."""
    record = approvals.get(number)
    if record is None or not counting.is_met(record):
        return None
    if earlier.is_telling():
        return "what 0.1.0 had released is being brought over"
    stored = approval_orders.get(number)
    if stored is None:
        outbox.put(plan_message(number))
        return "its order is being made"
    why = unbound(stored["order"])
    if why is None:
        rules.approve(record)
    else:
        record["state"] = {"Blocked": why}
    approvals.insert(number, record)
    open_approvals.remove(number)
    tell(number)
    if why is None:
        counting.supersede_older(number, record, tell)
        outbox.put(release_message(number))
    return None


def _put_off(number: int, reason: str) -> "str | None":
    """Why the order is made later; None when the time for that is over.

    A request that waits for people is over when it expires. One that 0.1.0 had approved is given
    up: its run would be Releasing for ever, and can neither be cancelled nor tried again then.
    """
    record = approvals.get(number)
    entry = outgoing.get(plan_message(number))
    tried = 0 if entry is None else entry["attempts"]
    if record is None or "Approved" not in record["state"] or tried < MAX_PLAN_ATTEMPTS:
        return reason
    rules.give_up(record, reason)
    approvals.insert(number, record)
    outbox.put(notice_message(number))
    return None


def _order_release(number: int) -> "Async[str | None]":
    siblings = siblings_of(wiring)
    record = approvals.get(number)
    stored = approval_orders.get(number)
    if siblings is None:
        return NOT_WIRED
    if record is None or "Approved" not in record["state"]:
        return None
    if stored is None:
        return (yield from _order_of_earlier(number, record))
    attempt = progress.attempt_of(record)
    order = stored["order"]
    assets = ordered_assets(order)
    if isinstance(assets, str):
        # Deployment refuses an order whose files are missing.
        assets = None
    answer: CallResult[TextResult] = yield DeploymentService(siblings["deployment"]).start_release(
        release_order(record, order, order_digest(order), assets)
    )
    if answer.Err is not None:
        return answer.Err
    result = answer.Ok
    if "Err" in result and is_passing(result["Err"]):
        return error_sentence(result["Err"])
    record = approvals.get(number)
    if record is None:
        return None
    if "Ok" in result:
        changed = progress.ordered(record, attempt, result["Ok"])
    else:
        changed = progress.refused(record, attempt, error_sentence(result["Err"]))
    if changed:
        approvals.insert(number, record)
        note_latest(record)
        outbox.put(notice_message(number))
    return None


def _order_of_earlier(number: int, record: ApprovalRecord) -> "Async[str | None]":
    """Go on with what 0.1.0 had approved: it may have been ordered, and the answer lost.

    Deployment reports then. Otherwise the order is made, as today's are.
    """
    siblings = siblings_of(wiring)
    if siblings is None:
        return NOT_WIRED
    answer: CallResult[Done] = yield DeploymentService(siblings["deployment"]).report_release(
        record["approval"]
    )
    refusal, again = refusal_of(answer)
    if refusal is not None:
        outbox.put(plan_message(number))
    return again


def _tell_earlier(number: int) -> "Async[str | None]":
    """Tell of a request that 0.1.0 stored; its release is told of when deployment reports on it."""
    siblings = siblings_of(wiring)
    record = earlier.taken(number)
    if siblings is None:
        return NOT_WIRED
    if record is not None:
        target = record["request"]["target"]
        record["state"] = state_at(record, ic.time(), latest_of(target))
        if "Pending" in record["state"]:
            if open_approvals.len() >= MAX_OPEN_APPROVALS:
                return f"{MAX_OPEN_APPROVALS} requests wait for approvers (MAX_OPEN_APPROVALS)"
            open_approvals.insert(
                number,
                {
                    "version": 1,
                    "target": target,
                    "run": record["request"]["run"],
                    "expires_ns": record["expires_ns"],
                    "voted": len(record["votes"]) > 0,
                },
            )
            expiry.arm(record["expires_ns"])
        approvals.insert(number, record)
        release = record["release"]
        if not earlier.is_unanswered(record) or release is None:
            outbox.put(notice_message(number))
        else:
            answer: CallResult[Done] = yield DeploymentService(
                siblings["deployment"]
            ).report_release(release)
            refusal, again = refusal_of(answer)
            if again is not None:
                return again
            if refusal is not None:
                ic.print(f"{record['approval']}: {error_sentence(refusal)}")
    if number > 0:
        outbox.put(earlier_message(number - 1))
    return None


outbox = Outbox(outgoing, _perform)
expiry = Expiry(tell)
