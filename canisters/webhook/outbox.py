"""Messages of `webhook` to its siblings: run requests of deliveries, to `pipeline_config`."""

from kybra import Async, CallResult, ic

from canisters.webhook.deliveries.tables import delivery_key
from canisters.webhook.reports import service as reports
from canisters.webhook.store import deliveries, instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, added
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.rules.cutting import cut
from shared.rules.limits import MAX_TEXT_CHARS
from shared.siblings import PipelineConfigService
from shared.types.errors import Done

SEND_PREFIX = "start_run:"


def perform(key: str) -> "Async[str | None]":
    """Send the run request `key`; None when nothing is left to do, else why to try again."""
    begun = ic.performance_counter(CALL_CONTEXT)
    again = yield from _send_run(key[len(SEND_PREFIX) :])
    added(instruction_totals, "send start_run", ic.performance_counter(CALL_CONTEXT) - begun)
    return again


def _send_run(delivery: str) -> "Async[str | None]":
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
            "started_by": record["delivery"]["started_by"],
            "pull_request": record["delivery"]["pull_request"],
        }
    )
    refusal, again = refusal_of(answer)
    if again is not None:
        return again
    record = deliveries.get(delivery)
    if record is None:
        return None
    entry = outgoing.get(SEND_PREFIX + delivery)
    if entry is not None:
        record["delivery"]["attempts"] = entry["attempts"]
    if refusal is None:
        record["delivery"]["state"] = {"Dispatched": None}
    else:
        reason = cut(error_sentence(refusal), MAX_TEXT_CHARS)
        record["delivery"]["state"] = {"Refused": reason}
        reports.refuse(run, record["source"], reason, ic.time())
    deliveries.insert(delivery, record)
    return None


outbox = Outbox(outgoing, perform)


def key_of(repository: str, delivery: str) -> str:
    """The message that carries a delivery's run request."""
    return SEND_PREFIX + delivery_key(repository, delivery)


def open_of(repository: str) -> int:
    """How many run requests of a repository are not acknowledged yet."""
    prefix = key_of(repository, "")
    keys = outgoing.keys()
    return sum(key.startswith(prefix) for key in keys)


def send(repository: str, delivery: str) -> None:
    """Write down the run request of a delivery that is already stored, to be sent soon."""
    outbox.put(key_of(repository, delivery))


def send_again(repository: str, delivery: str) -> None:
    """Send an open or refused delivery without waiting longer; keeps its run id."""
    record = deliveries.get(delivery_key(repository, delivery))
    if record is None:
        return
    record["delivery"]["state"] = {"Dispatching": None}
    deliveries.insert(delivery_key(repository, delivery), record)
    key = key_of(repository, delivery)
    if not outbox.retry_now(key):
        outbox.put(key)
