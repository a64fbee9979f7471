"""Deliveries that become runs: over HTTP, by hand, and sent again by hand."""

from canisters.webhook import dispatch, ledger
from canisters.webhook.front_door import MANUAL_PREFIX, Decision, decide
from canisters.webhook.github import Push
from canisters.webhook.replies import json_reply
from canisters.webhook.triggers import starts_on_hand
from shared.rules.limits import MAX_OPEN_DELIVERIES, MAX_TEXT_CHARS
from shared.rules.names import clean_text, is_commit_id
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_fault
from shared.types.errors import conflict, exhausted, invalid, not_found
from shared.types.http import HttpRequest, HttpResponse
from shared.types.release import TextResult
from shared.types.repository import Delivery, DeliveryState, ManualTrigger

MANUAL_EVENT = "manual"


def receive(request: HttpRequest, now_ns: int) -> HttpResponse:
    """Answer one HTTP request and write down what it changes."""
    decision = decide(
        ledger.StoredKnown(),
        request["method"],
        request["url"],
        request["headers"],
        request["body"],
    )
    if decision.rejected:
        ledger.add_one(ledger.rejected_counter(decision.repository))
    elif decision.event:
        run = _record(decision, now_ns)
        if run is not None:
            decision.content["run"] = run
    return json_reply(decision.status, decision.content)


def _record(decision: Decision, now_ns: int) -> "str | None":
    """Store a delivery that was taken; returns its run unless it was ignored."""
    push = decision.push or Push("", "", "")
    if decision.ignored is not None:
        run = None
        state: DeliveryState = {"Ignored": decision.ignored}
    else:
        run = ledger.next_run()
        state = {"Dispatching": None}
    delivery: Delivery = {
        "delivery": decision.delivery,
        "repository": decision.repository,
        "event": decision.event,
        "ref": push.ref,
        "sha": push.sha,
        "run": run,
        "state": state,
        "received_ns": now_ns,
        "attempts": 0,
    }
    _store(delivery, push.message, push.author)
    ledger.remember_body(decision.repository, decision.digest, decision.delivery)
    return run


def _store(delivery: Delivery, message: str, author: str) -> None:
    source = ledger.NO_SOURCE
    if delivery["run"] is not None:
        source = {
            "repository": delivery["repository"],
            "clone_url": ledger.clone_url_of(delivery["repository"]),
            "ref": delivery["ref"],
            "sha": delivery["sha"],
            "message": message,
            "author": author,
        }
    ledger.add_delivery(delivery, source)
    if delivery["run"] is not None:
        dispatch.send(delivery["repository"], delivery["delivery"])


def _manual_fault(value: ManualTrigger) -> "str | None":
    for prefix in (BRANCH_PREFIX, TAG_PREFIX):
        if value["ref"].startswith(prefix):
            fault = ref_name_fault(value["ref"][len(prefix) :])
            break
    else:
        fault = "write it as refs/heads/<branch> or refs/tags/<tag>"
    if fault is not None:
        return f"ref: {fault}"
    if not is_commit_id(value["sha"]):
        return "sha must be a full commit id: 40 or 64 lower-case hexadecimal digits"
    if len(value["message"]) > MAX_TEXT_CHARS:
        return f"message has more than {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
    return None


def start_by_hand(value: ManualTrigger, caller: str, now_ns: int) -> TextResult:
    """Start a run of a commit; it is recorded as a delivery of event `manual`."""
    repository = value["repository"]
    if ledger.view_repository(repository) is None:
        return {"Err": not_found(f"repository {repository[:64]} is not registered here")}
    fault = _manual_fault(value)
    if fault is not None:
        return {"Err": invalid(fault)}
    if not starts_on_hand(ledger.triggers_of(repository)):
        return {
            "Err": conflict(
                f"the pipeline of {repository} has no manual trigger: add `manual` to its triggers"
            )
        }
    if dispatch.outbox.open_count() >= MAX_OPEN_DELIVERIES:
        return {
            "Err": exhausted(
                f"{MAX_OPEN_DELIVERIES} deliveries wait (MAX_OPEN_DELIVERIES): try again later"
            )
        }
    run = ledger.next_run()
    delivery: Delivery = {
        "delivery": f"{MANUAL_PREFIX}{run}",
        "repository": repository,
        "event": MANUAL_EVENT,
        "ref": value["ref"],
        "sha": value["sha"],
        "run": run,
        "state": {"Dispatching": None},
        "received_ns": now_ns,
        "attempts": 0,
    }
    _store(delivery, clean_text(value["message"], MAX_TEXT_CHARS), caller)
    return {"Ok": run}


def replay(repository: str, delivery: str) -> TextResult:
    """Send a delivery's run request again, under the same run id."""
    view = ledger.view_delivery(repository, delivery)
    if view is None:
        return {
            "Err": not_found(
                f"no delivery {delivery[:100]} of repository {repository[:64]} is known"
            )
        }
    run = view["run"]
    if run is None:
        return {"Err": conflict("this delivery was ignored: start a run with trigger_run instead")}
    if "Dispatched" in view["state"]:
        return {"Err": conflict(f"this delivery has started {run} already")}
    dispatch.send_again(repository, delivery)
    return {"Ok": run}
