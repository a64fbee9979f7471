"""Messages of `pipeline_config` to its siblings: each pipeline's triggers to `webhook`.

A message is a copy of what is stored now, the latest wins: it may be sent again at any time.
"""

from kybra import Async, CallResult

from canisters.pipeline_config.pipelines import tables
from canisters.pipeline_config.store import instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.rules.limits import MAX_OPEN_SYNCS
from shared.rules.refused import exhausted
from shared.siblings import WebhookService
from shared.types.errors import Done
from shared.types.pipeline import Trigger

TRIGGERS = "sync_triggers:"


def perform(key: str) -> "Async[str | None]":
    """Send the message `key`; None when it arrived, else why to try again."""
    again = yield from _send_triggers(key[len(TRIGGERS) :])
    return counted(instruction_totals, "send sync_triggers", again, CALL_CONTEXT)


def _send_triggers(repository: str) -> "Async[str | None]":
    """Send the triggers as they are now; an empty list when the pipeline is gone."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return "not wired yet: an owner must call wire"
    pipeline = tables.current_of(repository)
    triggers: list[Trigger] = [] if pipeline is None else pipeline["definition"]["triggers"]
    service = WebhookService(siblings["webhook"])
    answer: CallResult[Done] = yield service.sync_triggers(repository, triggers)
    refusal, again = refusal_of(answer)
    # The webhook canister refuses only callers it is not wired to: a person must see to that, and
    # the triggers must arrive afterwards.
    return again if refusal is None else error_sentence(refusal)


outbox = Outbox(outgoing, perform)


def send_triggers(repository: str) -> None:
    """Have the repository's triggers brought to `webhook`."""
    outbox.put(TRIGGERS + repository)


def require_room(repository: str) -> None:
    """Raise Exhausted when no further repository can have a message written down."""
    if outbox.is_open(TRIGGERS + repository) or outbox.open_count() < MAX_OPEN_SYNCS:
        return
    raise exhausted(
        f"{MAX_OPEN_SYNCS} changes of triggers wait for the webhook canister (MAX_OPEN_SYNCS): "
        "try again later"
    )
