"""Runs that people start or send again by hand. Callers have been authorised."""

from kybra import Principal

from canisters.webhook import outbox
from canisters.webhook.deliveries import tables, views
from canisters.webhook.deliveries.rules import why_full
from canisters.webhook.deliveries.signed import MANUAL_PREFIX
from canisters.webhook.repositories import tables as repositories
from canisters.webhook.repositories import views as repository_views
from canisters.webhook.triggers.rules import manual_problem, starts_on_hand
from shared.rules.limits import MAX_TEXT_CHARS
from shared.rules.names import clean_text
from shared.rules.patterns import BRANCH_PREFIX
from shared.rules.refused import conflict, exhausted, invalid
from shared.types.repository import Delivery, ManualTrigger

MANUAL_EVENT = "manual"
SCHEDULE_EVENT = "schedule"


def start_by_clock(repository: str, ref: str, now_ns: int) -> str:
    """Start the run of a schedule, of what a ref names then. Returns the run."""
    repository_views.get(repository)
    value: ManualTrigger = {"repository": repository, "ref": ref, "sha": "", "message": ""}
    return _start(value, SCHEDULE_EVENT, None, now_ns)


def start_by_hand(value: ManualTrigger, caller: Principal, now_ns: int) -> str:
    """Start a run of a commit, or of what a ref names; it is recorded as a delivery of event
    `manual`. Returns the run.

    `message` is the caller's own word until executors have read the commit.
    """
    repository = value["repository"]
    repository_views.get(repository)
    problem = manual_problem(value)
    if problem is not None:
        raise invalid(problem)
    triggers = repositories.triggers_of(repository)
    if not triggers:
        raise conflict(
            f"{repository} has no pipeline with triggers: register one with `manual` among them"
        )
    if not starts_on_hand(triggers):
        raise conflict(
            f"the pipeline of {repository} has no manual trigger: add `manual` to its triggers"
        )
    return _start(value, MANUAL_EVENT, caller, now_ns)


def _start(value: ManualTrigger, event: str, caller: "Principal | None", now_ns: int) -> str:
    repository = value["repository"]
    full = why_full(outbox.outbox.open_count(), outbox.open_of, repository)
    if full is not None:
        raise exhausted(f"{full}: try again later")
    run = tables.next_run()
    delivery: Delivery = {
        "delivery": f"{MANUAL_PREFIX}{run}",
        "repository": repository,
        "event": event,
        "ref": value["ref"],
        "sha": value["sha"],
        "run": run,
        "state": {"Dispatching": None},
        "received_ns": now_ns,
        "attempts": 0,
        "started_by": caller,
        "note": None,
        "pull_request": None,
        "allowed_by": None,
    }
    tables.add(delivery, clean_text(value["message"], MAX_TEXT_CHARS), "")
    outbox.send(repository, delivery["delivery"])
    return run


def start_at_ref(repository: str, ref: str, caller: Principal, now_ns: int) -> str:
    """Start a run of what a branch or tag names, by its full name or a branch by its short one."""
    whole = ref if ref.startswith("refs/") else f"{BRANCH_PREFIX}{ref}"
    value: ManualTrigger = {"repository": repository, "ref": whole, "sha": "", "message": ""}
    return start_by_hand(value, caller, now_ns)


def replay(repository: str, delivery: str) -> str:
    """Send a delivery's run request again, under the same run id, which is returned."""
    view = views.get(repository, delivery)
    run = view["run"]
    if "Held" in view["state"]:
        raise conflict("this delivery is held: allow its commit with allow_delivery instead")
    if run is None:
        raise conflict("this delivery was ignored: start a run with trigger_run instead")
    if "Dispatched" in view["state"]:
        raise conflict(f"this delivery has started {run} already")
    outbox.send_again(repository, delivery)
    return run


def allow(repository: str, delivery: str, sha: str, caller: Principal) -> str:
    """Let a held delivery start the run of its commit, which is `sha`. Returns the run.

    The next commit of the same pull request comes with another delivery, and is held again.
    """
    repository_views.get(repository)
    view = views.get(repository, delivery)
    if "Held" not in view["state"]:
        raise conflict("this delivery is not held: there is nothing to allow")
    if sha != view["sha"]:
        raise conflict(f"this delivery is of commit {view['sha']}: look at that one, and allow it")
    full = why_full(outbox.outbox.open_count(), outbox.open_of, repository)
    if full is not None:
        raise exhausted(f"{full}: try again later")
    run = tables.next_run()
    tables.allow(repository, delivery, run, caller)
    outbox.send(repository, delivery)
    return run
