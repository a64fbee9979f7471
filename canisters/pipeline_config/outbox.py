"""Messages of `pipeline_config`: triggers of pipelines to `webhook`, policies to `verification`,
and to `build_executor` that secrets were set.

A message is a copy of what is stored now, the latest wins: it may be sent again at any time.
"""

from kybra import Async, CallResult

from canisters.pipeline_config.pipelines import tables
from canisters.pipeline_config.store import instruction_totals, outgoing, wiring
from shared.base.access import siblings_of
from shared.base.metering import CALL_CONTEXT, counted
from shared.base.outbox import Outbox, error_sentence, refusal_of
from shared.rules.deploys import deploys_of
from shared.rules.limits import MAX_OPEN_SYNCS
from shared.rules.refused import exhausted
from shared.siblings import BuildExecutorService, VerificationService, WebhookService
from shared.types.errors import Done
from shared.types.pipeline import Trigger

TRIGGERS = "sync_triggers:"
POLICY = "sync_policy:"
SECRETS = "secrets_changed"


def perform(key: str) -> "Async[str | None]":
    """Send the message `key`; None when it arrived, else why to try again."""
    if key.startswith(POLICY):
        again = yield from _send_policy(key[len(POLICY) :])
        return counted(instruction_totals, "send sync_policy", again, CALL_CONTEXT)
    if key == SECRETS:
        again = yield from _send_secrets_changed()
        return counted(instruction_totals, "send secrets_changed", again, CALL_CONTEXT)
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


def _send_policy(repository: str) -> "Async[str | None]":
    """Send the approval policy as it is now. That of a deleted pipeline stays in force."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return "not wired yet: an owner must call wire"
    pipeline = tables.current_of(repository)
    if pipeline is None or not deploys_of(pipeline["definition"]):
        return None
    service = VerificationService(siblings["verification"])
    policy = pipeline["definition"]["approval"]
    answer: CallResult[Done] = yield service.sync_policy(repository, policy)
    refusal, again = refusal_of(answer)
    if refusal is not None:
        return error_sentence(refusal)
    if again is None:
        tables.note_policy(repository, pipeline["version"])
    return again


def _send_secrets_changed() -> "Async[str | None]":
    """Executors that lacked a secret may have it now."""
    siblings = siblings_of(wiring)
    if siblings is None:
        return "not wired yet: an owner must call wire"
    service = BuildExecutorService(siblings["build_executor"])
    answer: CallResult[Done] = yield service.secrets_changed()
    refusal, again = refusal_of(answer)
    return again if refusal is None else error_sentence(refusal)


outbox = Outbox(outgoing, perform)


def send_triggers(repository: str) -> None:
    """Have the repository's triggers brought to `webhook`."""
    outbox.put(TRIGGERS + repository)


def send_policy(repository: str) -> None:
    """Have the repository's approval policy brought to `verification`."""
    outbox.put(POLICY + repository)


def send_secrets_changed() -> None:
    """Have `build_executor` ask executors again that lacked a secret."""
    outbox.put(SECRETS)


def require_room(repository: str) -> None:
    """Raise Exhausted when no further repository can have its messages written down."""
    if outbox.open_count() < MAX_OPEN_SYNCS:
        return
    if outbox.is_open(TRIGGERS + repository) and outbox.is_open(POLICY + repository):
        return
    raise exhausted(
        f"{MAX_OPEN_SYNCS} changes of pipelines wait for other canisters (MAX_OPEN_SYNCS): "
        "try again later"
    )
