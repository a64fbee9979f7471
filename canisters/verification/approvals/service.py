"""Approval requests in the store: asked once per attempt, decided, then ordered."""

from kybra import Async, CallResult, Principal, ic

from canisters.verification.approvals import (
    counting,
    earlier,
    orders,
    progress,
    requests,
    rules,
)
from canisters.verification.approvals.files import agreed_assets, keep_list, ordered_assets
from canisters.verification.approvals.latest import (
    approved_since,
    latest_of,
    note_latest,
)
from canisters.verification.approvals.verdict import verdict_behind
from canisters.verification.approvals.views import shown
from canisters.verification.outbox import (
    NOT_WIRED,
    count_message,
    expiry,
    notice_message,
    outbox,
    plan_message,
    plan_request,
    release_message,
    tell,
)
from canisters.verification.records import ApprovalRecord
from canisters.verification.store import (
    approval_index,
    approval_orders,
    approvals,
    grants,
    open_approvals,
    outgoing,
    policies,
    wiring,
)
from shared.base.access import siblings_of
from shared.base.results import refused_of
from shared.rules.asking import ask_again
from shared.rules.creation import unbound
from shared.rules.cutting import cut
from shared.rules.limits import MAX_OPEN_APPROVALS, MAX_OPEN_MESSAGES, MAX_TEXT_CHARS
from shared.rules.orders import order_digest
from shared.rules.paging import page_bounds
from shared.rules.refused import Refused, conflict, exhausted, invalid, not_found, unavailable
from shared.rules.roles import refusal
from shared.siblings import DeploymentService
from shared.types.approval import Approval, ApprovalDecision, ApprovalInput, ApprovalPage, Asset
from shared.types.paging import PageRequest
from shared.types.pipeline import ApprovalPolicy
from shared.types.release import Plan, PlanResult, ReleaseReport

MAX_PAGE_BYTES = 1_000_000
TYPICAL_APPROVAL_BYTES = 8_000


def sync_policy(repository: str, policy: ApprovalPolicy) -> None:
    """Take the approval policy that is in force for a repository from now on.

    Requests that have the votes which it asks for are approved: nobody could decide them otherwise,
    for a vote is final.
    """
    requests.check_policy(policy)
    policies.insert(repository, {"version": 1, "policy": policy})
    for number, row in open_approvals.items():
        # Which repository it is of is read one by one: requests may be large.
        if row["voted"] is not False:
            outbox.put(count_message(number))


def _shown(number: int, record: ApprovalRecord) -> Approval:
    stored = approval_orders.get(number)
    return shown(
        record,
        ic.time(),
        None if stored is None else stored["order"],
        counting.policy_for(record),
        latest_of(record["request"]["target"]),
    )


def _known(request: ApprovalInput) -> "str | None":
    """The request that asked this before; None to ask (anew). Raises Conflict for another one.

    A run that asks anew while its approved order is being carried out again follows that one.
    """
    number = approval_index.get(requests.index_key(request["run"], request["target"]))
    record = None if number is None else approvals.get(number)
    if number is None or record is None:
        return None
    name = record["approval"]
    if requests.same_request(record["request"], request):
        return name
    if requests.attempt_of(request) > requests.attempt_of(record["request"]):
        state = rules.state_at(record, ic.time(), latest_of(request["target"]))
        if rules.ended_without_release(state):
            return None
        if "Pending" in state:
            # Written before the await that follows: nobody may approve it once its run asks anew.
            _withdraw(number, record, f"{request['run']} asks anew")
            return None
        if requests.renew(record["request"], request, state):
            approvals.insert(number, record)
            return name
        raise conflict(f"{name} is {rules.state_word(state)}: it need not be asked anew")
    raise conflict(
        f"{name} asks about other bytes or terms for {request['run']} and "
        f"{request['target']}: a request is immutable, start another run"
    )


def _known_and_told(request: ApprovalInput) -> "str | None":
    """Like `_known`. Who asks again has lost the answer, and may have dropped the notice too."""
    name = _known(request)
    number = None if name is None else requests.number_of(name)
    if number is not None:
        outbox.put(notice_message(number))
    return name


def request_approval(request: ApprovalInput) -> "Async[str]":
    """Ask, once per attempt; deployment says what the release would do to the target now."""
    requests.check_request(request)
    known = _known_and_told(request)
    if known is not None:
        return known
    verdict = verdict_behind(request)
    if isinstance(verdict, str):
        raise conflict(verdict)
    # Nothing is written before these awaits: a lost reply leaves nothing to repair.
    assets = yield from agreed_assets(request, verdict["manifest"])
    plan = yield from _planned(request)
    # The same request may have been taken meanwhile.
    known = _known_and_told(request)
    if known is not None:
        return known
    if open_approvals.len() >= MAX_OPEN_APPROVALS:
        raise exhausted(
            f"{MAX_OPEN_APPROVALS} requests wait for approvers (MAX_OPEN_APPROVALS): decide some"
        )
    if plan["canisters"] is None and plan_request(request)["references"]:
        raise unavailable(orders.EARLIER_REFERENCES)
    order = orders.make_order(request, plan, verdict, assets)
    if isinstance(order, str):
        raise conflict(order)
    if unbound(order) is not None:
        raise unavailable(orders.EARLIER_DEPLOYMENT)
    number = approvals.len()
    record = requests.asked(number, request, order, ic.time())
    record["state"] = rules.state_at(record, ic.time(), latest_of(request["target"]))
    approvals.insert(number, record)
    approval_orders.insert(number, {"version": 1, "order": order})
    keep_list(order, assets)
    approval_index.insert(requests.index_key(request["run"], request["target"]), number)
    if "Pending" in record["state"]:
        open_approvals.insert(
            number,
            {
                "version": 1,
                "target": request["target"],
                "run": request["run"],
                "expires_ns": record["expires_ns"],
                "voted": False,
            },
        )
        expiry.arm(record["expires_ns"])
    outbox.put(notice_message(number))
    return record["approval"]


def _planned(request: ApprovalInput, release: "str | None" = None) -> "Async[Plan]":
    siblings = siblings_of(wiring)
    if siblings is None:
        raise unavailable(NOT_WIRED)
    planned: CallResult[PlanResult] = yield DeploymentService(siblings["deployment"]).plan_release(
        plan_request(request, release)
    )
    if planned.Err is not None:
        raise unavailable(f"deployment did not plan the release: {planned.Err}")
    if "Err" in planned.Ok:
        raise refused_of(planned.Ok["Err"])
    return planned.Ok["Ok"]


def _find(approval: str) -> "tuple[int, ApprovalRecord]":
    number = requests.number_of(approval)
    record = None if number is None else approvals.get(number)
    if number is None or record is None:
        raise not_found(f"there is no approval request {approval[:80]}")
    return (number, record)


def _refuse_full(what: str) -> None:
    if outbox.open_count() >= MAX_OPEN_MESSAGES:
        raise exhausted(
            f"{MAX_OPEN_MESSAGES} messages wait for the other canisters (MAX_OPEN_MESSAGES): "
            f"{what}, try again when they answer"
        )


def decide_approval(decision: ApprovalDecision, caller: str) -> Approval:
    """Count a vote. That a request is found to be void is kept, though the vote is refused."""
    number, record = _find(decision["approval"])
    if decision["approve"]:
        _refuse_full("no vote was counted")
        if earlier.is_telling():
            # Until then it is not known which runs were released after the one of this request.
            raise unavailable(
                "what 0.1.0 had released is being brought over, no vote was counted: try again in "
                "a moment"
            )
    stored = approval_orders.get(number)
    if stored is None and "Pending" in record["state"]:
        outbox.put(plan_message(number))
        raise unavailable(
            f"{record['approval']} was asked by an earlier version: its order is being made, "
            f"look at it again in a moment{_why_not_yet(number)}"
        )
    before = rules.state_word(record["state"])
    is_admin = refusal(grants, caller, "Admin") is None
    try:
        rules.decide(
            record,
            decision,
            "" if stored is None else order_digest(stored["order"]),
            caller,
            ic.time(),
            counting.policy_for(record),
            Principal.from_str(caller) if is_admin else None,
            latest_of(record["request"]["target"]),
            None if stored is None else unbound(stored["order"]),
        )
    except Refused:
        if rules.state_word(record["state"]) != before:
            _keep_decided(number, record)
        raise
    _keep_decided(number, record)
    if "Pending" in record["state"]:
        counting.note_vote(number)
    if "Approved" in record["state"]:
        counting.supersede_older(number, record, tell)
        outbox.put(release_message(number))
    return _shown(number, record)


def _why_not_yet(number: int) -> str:
    """Say why an order that is being made was not made so far."""
    entry = outgoing.get(plan_message(number))
    return "" if entry is None or not entry["last_error"] else f" ({entry['last_error']})"


def _keep_decided(number: int, record: ApprovalRecord) -> None:
    approvals.insert(number, record)
    if "Pending" not in record["state"]:
        open_approvals.remove(number)
        outbox.put(notice_message(number))


def withdraw_approval(approval: str, reason: str) -> None:
    """Void an undecided request, because its run was cancelled. Conflict once it is approved."""
    number, record = _find(approval)
    state = rules.state_at(record, ic.time(), latest_of(record["request"]["target"]))
    if rules.ended_without_release(state):
        return
    if "Pending" not in state:
        word = rules.state_word(state)
        raise conflict(f"{approval} is {word}: only a Pending request can be withdrawn")
    _withdraw(number, record, reason)


def _withdraw(number: int, record: ApprovalRecord, reason: str) -> None:
    record["state"] = {"Blocked": f"withdrawn: {cut(reason, MAX_TEXT_CHARS)}"}
    approvals.insert(number, record)
    open_approvals.remove(number)


def check_asking(run: str, target: str) -> None:
    """Raise Conflict when people would not be asked about a run for a target: a newer one was
    approved for it."""
    why = rules.superseded(run, target, latest_of(target))
    if why is not None:
        raise conflict(why)


def retry_release(approval: str) -> "Async[str]":
    """Order the release of an approved request again, when nothing that it binds has changed."""
    number, record = _find(approval)
    _refuse_retry(number, record)
    _refuse_full("nothing was ordered")
    plan = yield from _planned(record["request"], record["release"])
    number, record = _find(approval)
    _refuse_retry(number, record)
    _refuse_changed(number, record, plan)
    progress.order_again(record)
    approvals.insert(number, record)
    counting.supersede_older(number, record, tell)
    outbox.put(release_message(number))
    outbox.put(notice_message(number))
    return record["approval"]


def _refuse_retry(number: int, record: ApprovalRecord) -> None:
    if "ReleaseFailed" not in record["state"]:
        word = rules.state_word(rules.state_at(record, ic.time()))
        raise conflict(f"{record['approval']} is {word}: only a failed release can be retried")
    request = record["request"]
    newest = approval_index.get(requests.index_key(request["run"], request["target"]))
    if newest is not None and newest != number:
        raise conflict(
            f"{record['approval']} is void: {requests.name_of(newest)} asks anew about what "
            f"{request['run']} built for target {request['target']}: decide that one"
        )
    why = rules.superseded_by(record, latest_of(record["request"]["target"]))
    if why is not None:
        raise conflict(why)
    newer = approved_since(number, record)
    if newer is not None:
        raise conflict(rules.overtaken_by(record, newer))


def _refuse_changed(number: int, record: ApprovalRecord, plan: Plan) -> None:
    stored = approval_orders.get(number)
    if stored is None:
        raise conflict(
            f"the request was made by an earlier version: {ask_again(record['request']['run'])}"
        )
    changed = orders.changed_since(stored["order"], record["request"], plan, record["release"])
    if changed:
        raise conflict(
            f"what was approved does not hold any more: {'; '.join(changed)}. "
            f"{ask_again(record['request']['run'])}"
        )


def record_release(report: ReleaseReport) -> None:
    """Take deployment's word on how far a release is."""
    number, record = _find(report["approval"])
    attempt = report["attempt"] or 1
    if progress.reported(record, attempt, report["release"], report["state"]):
        approvals.insert(number, record)
        if note_latest(record):
            counting.void_older(record, tell)
        outbox.put(notice_message(number))


def get_approval(approval: str) -> Approval:
    return _shown(*_find(approval))


def get_assets(approval: str) -> "list[Asset]":
    """The files that the order of a request puts into its target, at most MAX_ASSETS."""
    stored = approval_orders.get(_find(approval)[0])
    found = None if stored is None else ordered_assets(stored["order"])
    if isinstance(found, str):
        raise conflict(found)
    return found or []


def list_approvals(page: PageRequest) -> ApprovalPage:
    """Newest first. A page ends early when its records are unusually large."""
    bounds = page_bounds(approvals.len(), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        raise invalid(bounds)
    first, last = bounds
    items = []
    size = 0
    number = first
    while number >= last and number >= 0 and size < MAX_PAGE_BYTES:
        record = approvals.get(number)
        if record is not None:
            request = record["request"]
            size += TYPICAL_APPROVAL_BYTES
            size += 2 * (len(request["install_arg"]) + len(request["upgrade_arg"]))
            size += sum(200 + len(vote["comment"]) * 4 for vote in record["votes"])
            items.append(_shown(number, record))
        number -= 1
    return {"items": items, "next": str(number) if number >= 0 else None}
