"""The webhook canister's copy of each pipeline's triggers: pushed, latest wins."""

from kybra import Async, CallResult

from canisters.pipeline_config import book
from canisters.pipeline_config.store import instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.rules.limits import MAX_OPEN_SYNCS
from shared.siblings import WebhookService
from shared.types.errors import Done
from shared.types.pipeline import Trigger

PREFIX = "sync_triggers:"


def perform(key: str) -> "Async[str | None]":
    again = yield from _perform(key)
    return counted(instruction_totals, "send sync_triggers", again, CALL_CONTEXT)


def _perform(key: str) -> "Async[str | None]":
    """Send the triggers as they are now; an empty list when the pipeline is gone."""
    repository = key[len(PREFIX) :]
    siblings = siblings_of(wiring)
    if siblings is None:
        return "not wired yet: an owner must call wire"
    pipeline = book.current_of(repository)
    triggers: list[Trigger] = [] if pipeline is None else pipeline["definition"]["triggers"]
    service = WebhookService(siblings["webhook"])
    answer: CallResult[Done] = yield service.sync_triggers(repository, triggers)
    refusal, again = refusal_of(answer)
    # The webhook canister refuses only callers it is not wired to: a person must see to that, and
    # the triggers must arrive afterwards.
    return again if refusal is None else error_sentence(refusal)


outbox = Outbox(outgoing, perform)


def send(repository: str) -> None:
    outbox.put(PREFIX + repository)


def has_room(repository: str) -> bool:
    """Whether a change of this repository's triggers can be written down."""
    return outbox.is_open(PREFIX + repository) or outbox.open_count() < MAX_OPEN_SYNCS
