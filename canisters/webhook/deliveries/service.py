"""Answers of the front door: by the free query where nothing is written down, else by an update."""

from kybra import Async

from canisters.webhook import outbox
from canisters.webhook.deliveries import inspection, tables
from canisters.webhook.deliveries.decision import Decision
from canisters.webhook.deliveries.replies import json_reply, upgrade_reply, welcome_reply
from canisters.webhook.deliveries.request import read_request
from canisters.webhook.deliveries.routing import path_of
from canisters.webhook.deliveries.rules import decide, part_ids
from canisters.webhook.deliveries.views import StoredKnown
from canisters.webhook.providers.change import Change
from canisters.webhook.reports import service as reports
from canisters.webhook.repositories.tables import add_one, rejected_counter
from shared.types.http import HttpRequest, HttpResponse
from shared.types.repository import Delivery, DeliveryState
from shared.types.run import PullRequest


def _decide(request: HttpRequest, now_ns: int) -> Decision:
    known = StoredKnown()
    method, url = request["method"], request["url"]
    return decide(known, method, url, request["headers"], request["body"], now_ns)


def answer_query(request: HttpRequest, now_ns: int) -> HttpResponse:
    """Answer by the query all that changes nothing: only what is recorded costs an update."""
    if path_of(request["url"]) in ("", "/") and request["method"] in ("GET", "HEAD"):
        return welcome_reply()
    decision = _decide(request, now_ns)
    if decision.event:
        return upgrade_reply()
    return json_reply(decision.status, decision.content)


def is_worth_an_update(message: bytes, now_ns: int) -> bool:
    """For `inspect_message`: whether `http_request_update` with this argument records anything.

    Who does not ask the query first must not be able to make the canister work for nothing.
    """
    request = read_request(message)
    if request is None:
        return False
    return inspection.is_worth_an_update(
        StoredKnown(), request.method, request.url, request.headers, request.body, now_ns
    )


def receive(request: HttpRequest, now_ns: int) -> "tuple[HttpResponse, str | None]":
    """Decide again, and write down what the request changes.

    Returns the answer and the key of the message that is to be sent for it, if any. A delivery of
    several changes has a message for each: the others are written down and follow by themselves.
    """
    decision = _decide(request, now_ns)
    key = None
    runs: list[str] = []
    if decision.rejected:
        add_one(rejected_counter(decision.repository))
    elif decision.event and (decision.ignored is not None or decision.held is not None):
        change = decision.changes[0] if decision.changes else Change("", "", "")
        _add(decision, decision.delivery, change, None, now_ns)
        if change.untouched:
            reports.follow(decision.repository, change.ref, change.before, change.sha, now_ns)
    elif decision.event:
        parts = part_ids(
            decision.delivery,
            len(decision.changes),
            lambda part: tables.is_recorded(decision.repository, part),
        )
        for part, change in zip(parts, decision.changes, strict=True):
            run = tables.next_run()
            _add(decision, part, change, run, now_ns)
            runs.append(run)
            if part != decision.delivery:
                outbox.send(decision.repository, part)
        decision.content["run"] = runs[0]
        key = outbox.key_of(decision.repository, decision.delivery)
    if decision.event:
        tables.remember_body(decision.repository, decision.digest, decision.delivery)
    return json_reply(decision.status, decision.content, runs), key


def _add(decision: Decision, delivery: str, change: Change, run: "str | None", now_ns: int) -> None:
    """Store a delivery that was taken, or one of its changes."""
    state: DeliveryState = {"Dispatching": None}
    if decision.ignored is not None:
        state = {"Ignored": decision.ignored}
    if decision.held is not None:
        state = {"Held": decision.held}
    record: Delivery = {
        "delivery": delivery,
        "repository": decision.repository,
        "event": decision.event,
        "ref": change.ref,
        "sha": change.sha,
        "run": run,
        "state": state,
        "received_ns": now_ns,
        "attempts": 0,
        "started_by": None,
        "note": change.note,
        "pull_request": _pull_request(change),
        "allowed_by": None,
    }
    tables.add(record, change.message, change.author)


def _pull_request(change: Change) -> "PullRequest | None":
    pull = change.pull_request
    if pull is None:
        return None
    return {
        "number": pull.number,
        "title": pull.title,
        "target": pull.target,
        "head": pull.head,
        "head_repository": pull.head_repository,
        "fork": pull.fork,
        "deploys": pull.deploys,
    }


def send(key: "str | None") -> "Async[None]":
    """Bring the run request `key` on its way in this message; it is written down first."""
    if key is not None:
        yield from outbox.outbox.send_now(key)
