"""Accepted deliveries on their way to `pipeline_config`: journaled, sent until acknowledged."""

from kybra import Async, CallResult

from canisters.webhook.ledger import SEND_PREFIX, delivery_key
from canisters.webhook.store import deliveries, instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.siblings import PipelineConfigService
from shared.types.errors import Done


def perform(key: str) -> "Async[str | None]":
    again = yield from _perform(key)
    return counted(instruction_totals, "send start_run", again, CALL_CONTEXT)


def _perform(key: str) -> "Async[str | None]":
    """Send one run request; returns why to try again, or None when the matter is settled."""
    delivery = key[len(SEND_PREFIX) :]
    record = deliveries.get(delivery)
    if record is None:
        return None
    run = record["delivery"]["run"]
    if run is None:
        return None
    siblings = siblings_of(wiring)
    if siblings is None:
        return "not wired yet: an owner must call wire"
    service = PipelineConfigService(siblings["pipeline_config"])
    answer: CallResult[Done] = yield service.start_run(
        {
            "run": run,
            "delivery": record["delivery"]["delivery"],
            "source": record["source"],
            "started_by": None,
        }
    )
    refusal, again = refusal_of(answer)
    if again is not None:
        return again
    record = deliveries.get(delivery)
    entry = outgoing.get(key)
    if record is None:
        return None
    if entry is not None:
        record["delivery"]["attempts"] = entry["attempts"]
    if refusal is None:
        record["delivery"]["state"] = {"Dispatched": None}
    else:
        record["delivery"]["state"] = {"Refused": error_sentence(refusal)[:1_000]}
    deliveries.insert(delivery, record)
    return None


outbox = Outbox(outgoing, perform)


def send(repository: str, delivery: str) -> None:
    """Journal the run request of a delivery that is already stored."""
    outbox.put(SEND_PREFIX + delivery_key(repository, delivery))


def send_again(repository: str, delivery: str) -> None:
    """Send an open or refused delivery without waiting longer; keeps its run id."""
    key = delivery_key(repository, delivery)
    record = deliveries.get(key)
    if record is None:
        return
    record["delivery"]["state"] = {"Dispatching": None}
    deliveries.insert(key, record)
    if not outbox.retry_now(SEND_PREFIX + key):
        outbox.put(SEND_PREFIX + key)
