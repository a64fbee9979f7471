"""Answers of the front door: by the free query where nothing is written down, else by an update."""

from kybra import Async

from canisters.webhook import outbox
from canisters.webhook.deliveries import rules, tables
from canisters.webhook.deliveries.replies import json_reply, upgrade_reply, welcome_reply
from canisters.webhook.deliveries.request import read_request
from canisters.webhook.deliveries.routing import path_of
from canisters.webhook.deliveries.rules import Decision, decide
from canisters.webhook.deliveries.views import StoredKnown
from canisters.webhook.providers.push import Push
from canisters.webhook.repositories.tables import add_one, rejected_counter
from shared.types.http import HttpRequest, HttpResponse
from shared.types.repository import Delivery, DeliveryState


def _decide(request: HttpRequest) -> Decision:
    return decide(
        StoredKnown(), request["method"], request["url"], request["headers"], request["body"]
    )


def answer_query(request: HttpRequest) -> HttpResponse:
    """Answer by the query all that changes nothing: only what is recorded costs an update."""
    if path_of(request["url"]) in ("", "/") and request["method"] in ("GET", "HEAD"):
        return welcome_reply()
    decision = _decide(request)
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
    return rules.is_worth_an_update(
        StoredKnown(), request.method, request.url, request.headers, request.body, now_ns
    )


def receive(request: HttpRequest, now_ns: int) -> "tuple[HttpResponse, str | None]":
    """Decide again, and write down what the request changes.

    Returns the answer and the key of the message that is to be sent for it, if any.
    """
    decision = _decide(request)
    key = None
    if decision.rejected:
        add_one(rejected_counter(decision.repository))
    elif decision.event:
        run = _record(decision, now_ns)
        if run is not None:
            decision.content["run"] = run
            key = outbox.key_of(decision.repository, decision.delivery)
    return json_reply(decision.status, decision.content), key


def _record(decision: Decision, now_ns: int) -> "str | None":
    """Store a delivery that was taken; returns its run unless it was ignored."""
    push = decision.push or Push("", "", "")
    if decision.ignored is not None:
        run = None
        state: DeliveryState = {"Ignored": decision.ignored}
    else:
        run = tables.next_run()
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
        "started_by": None,
    }
    tables.add(delivery, push.message, push.author)
    tables.remember_body(decision.repository, decision.digest, decision.delivery)
    return run


def send(key: "str | None") -> "Async[None]":
    """Bring the run request `key` on its way in this message; it is written down first."""
    if key is not None:
        yield from outbox.outbox.send_now(key)
