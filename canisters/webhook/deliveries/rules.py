"""The decision about one HTTP request: what to answer and what to write down. Plain Python.

The order of the checks is part of the contract: nothing about a repository is revealed before its
signature is valid, and nothing but a counter changes.
"""

from typing import TYPE_CHECKING

from canisters.webhook.deliveries.decision import Decision, duplicate, refused
from canisters.webhook.deliveries.known import Known
from canisters.webhook.deliveries.payload import PayloadError, parse_object
from canisters.webhook.deliveries.signed import Signed, check_signature, name
from canisters.webhook.providers.change import Change
from canisters.webhook.providers.supported import Provider
from canisters.webhook.triggers.pull_requests import why_held
from canisters.webhook.triggers.rules import why_not
from shared.rules.cutting import cut
from shared.rules.limits import (
    MAX_CHANGES_PER_DELIVERY,
    MAX_DELIVERY_BYTES,
    MAX_FILTER_STEPS,
    MAX_OPEN_DELIVERIES,
    MAX_OPEN_DELIVERIES_PER_REPOSITORY,
    MAX_TEXT_CHARS,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def part_ids(delivery: str, count: int, is_taken: "Callable[[str], bool]") -> "list[str]":
    """The ids that the changes of a delivery are recorded under: its own, then with `.2` and so on.

    Ids that are taken are passed over: a delivery of another forge may have had such an id, before
    the repository was registered anew.
    """
    found = [delivery]
    number = 1
    while len(found) < count:
        number += 1
        if not is_taken(f"{delivery}.{number}"):
            found.append(f"{delivery}.{number}")
    return found


def why_full(
    waiting: int, waiting_of: "Callable[[str], int]", repository: str, more: int = 1
) -> "str | None":
    """Why no `more` run requests can be taken, or None.

    `waiting` counts those of all repositories. One repository has a share of them, for they wait
    as long as too many of its runs are open.
    """
    if waiting + more > MAX_OPEN_DELIVERIES:
        return f"{MAX_OPEN_DELIVERIES} deliveries wait (MAX_OPEN_DELIVERIES)"
    share = MAX_OPEN_DELIVERIES_PER_REPOSITORY
    if waiting + more > share and waiting_of(repository) + more > share:
        return f"{share} deliveries of {repository} wait (MAX_OPEN_DELIVERIES_PER_REPOSITORY)"
    return None


def decide(
    known: Known,
    method: str,
    url: str,
    headers: "list[tuple[str, str]]",
    body: bytes,
    now_ns: int,
    most_steps: int = MAX_FILTER_STEPS,
) -> Decision:
    """Check a request in the contract's order; see docs/reference/http.md."""
    signed = check_signature(known, method, url, headers, body, now_ns)
    if isinstance(signed, Decision):
        return signed
    ended = name(known, signed, headers)
    if ended is not None:
        return ended
    if len(body) > MAX_DELIVERY_BYTES:
        return _too_large(known, signed)
    provider = signed.provider
    try:
        payload = parse_object(provider.json_of(body))
    except PayloadError as error:
        return refused(400, f"{error}: send {provider.BODIES}")
    problem = provider.identity_problem(payload, signed.clone_url)
    if problem is not None:
        sentence = f"the payload is not of repository {signed.repository}: {problem}"
        return _kept(known, signed, 400, sentence)
    if signed.event == provider.PING:
        return Decision(200, {"status": "pong", "delivery": signed.delivery})
    if signed.event not in provider.EVENTS:
        return _ignored(known, signed, _why_no_change(provider, signed.event))
    changes = provider.read_changes(signed.event, payload)
    if isinstance(changes, str):
        return refused(400, f"event {signed.event} cannot be used: {changes}")
    return _of_changes(known, signed, changes, most_steps)


def _why_no_change(provider: Provider, event: str) -> str:
    said = provider.IGNORED.get(event)
    if said is not None:
        return f"ignored, because {said}"
    planned = provider.PLANNED.get(event)
    if planned is not None:
        return planned.sentence(event)
    only = " and ".join(provider.EVENTS)
    verb = "does" if len(provider.EVENTS) == 1 else "do"
    return f"ignored, because event {event} starts no run (only {only} {verb})"


def _of_changes(known: Known, signed: Signed, changes: "list[Change]", most_steps: int) -> Decision:
    """Each change that a trigger wants is a run: all of them start with this delivery, or none."""
    if len(changes) > MAX_CHANGES_PER_DELIVERY:
        reason = f"it changes over {MAX_CHANGES_PER_DELIVERY} branches and tags"
        named = "(MAX_CHANGES_PER_DELIVERY): push fewer at once, or start the runs by hand"
        return _ignored(known, signed, f"ignored, because {reason} {named}", changes[0])
    if not changes:
        return _ignored(known, signed, "ignored, because the push changes no branch and no tag")
    triggers = known.triggers_of(signed.repository)
    reasons = [why_not(triggers, change, most_steps) for change in changes]
    wanted = [change for change, reason in zip(changes, reasons, strict=True) if reason is None]
    if not wanted:
        others = "; its other changes start nothing either" if len(changes) > 1 else ""
        return _ignored(known, signed, f"{reasons[0]}{others}", changes[0])
    held = why_held(wanted[0].pull_request)
    if held is not None:
        return _held(known, signed, wanted[0], held)
    waiting = known.open_deliveries()
    full = why_full(waiting, known.open_deliveries_of, signed.repository, len(wanted))
    if full is not None:
        return refused(503, f"{full}: deliver again later")
    decision = Decision(202, {"status": "accepted", "delivery": signed.delivery})
    return _recorded(decision, signed, wanted, None)


def _recorded(
    decision: Decision, signed: Signed, changes: "list[Change]", ignored: "str | None"
) -> Decision:
    decision.repository = signed.repository
    decision.delivery = signed.delivery
    decision.digest = signed.digest
    decision.event = signed.event
    decision.changes = changes
    decision.ignored = ignored
    return decision


def _seen(known: Known, signed: Signed) -> "str | None":
    """The delivery that this one is recorded as, ignored then as it would be now; or None.

    Only for what is ignored: an ignored record never stands in the way of a push that starts a run.
    """
    if known.run_of(signed.repository, signed.delivery)[0]:
        return signed.delivery
    return known.delivery_of_body(signed.repository, signed.digest)


def _ignored(known: Known, signed: Signed, reason: str, change: "Change | None" = None) -> Decision:
    first = _seen(known, signed)
    if first is not None:
        return duplicate(signed.repository, first, None)
    decision = Decision(200, {"status": "ignored", "delivery": signed.delivery, "reason": reason})
    return _recorded(decision, signed, [] if change is None else [change], reason)


def _held(known: Known, signed: Signed, change: Change, reason: str) -> Decision:
    """A change that may start a run once it is allowed. What is held already stays as it is."""
    first = _seen(known, signed)
    if first is not None and known.is_held(signed.repository, first):
        return duplicate(signed.repository, first, None)
    content: dict[str, str | None] = {"status": "held", "delivery": signed.delivery}
    content["reason"] = reason
    decision = _recorded(Decision(202, content), signed, [change], None)
    decision.held = reason
    return decision


def _kept(known: Known, signed: Signed, status: int, sentence: str) -> Decision:
    """A refusal that is recorded, once: its sender knows the secret, and people see that it came.

    Nobody else sees the answer than the forge, whose log nobody reads who waits for a run here.
    """
    decision = refused(status, sentence)
    decision.duplicate_of = _seen(known, signed)
    if decision.duplicate_of is not None:
        decision.repository = signed.repository
        return decision
    reason = cut(f"ignored, because {sentence}", MAX_TEXT_CHARS)
    return _recorded(decision, signed, [], reason)


def _too_large(known: Known, signed: Signed) -> Decision:
    """A delivery that cannot be read."""
    size = f"{len(signed.body)} bytes, over {MAX_DELIVERY_BYTES} (MAX_DELIVERY_BYTES)"
    return _kept(known, signed, 413, f"the body has {size}: start the run by hand")
