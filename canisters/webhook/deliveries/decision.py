"""What is decided about a request: the answer, and what is written down. Plain Python."""

from canisters.webhook.deliveries.answers import ANSWERS
from canisters.webhook.providers.change import Change


class Decision:
    """What to answer; `event` is set when the delivery is to be recorded.

    `content` is the answer's JSON; the caller adds the runs that it starts for `changes`. `digest`
    is what this delivery alone has. `duplicate_of` names the recorded delivery that it repeats.
    An ignored delivery has the first of its changes, if it has any; a held one has the one change
    that waits, and why.
    """

    __slots__ = (
        "changes",
        "content",
        "delivery",
        "digest",
        "duplicate_of",
        "event",
        "held",
        "ignored",
        "rejected",
        "repository",
        "status",
    )

    def __init__(self, status: int, content: "dict[str, str | None]") -> None:
        if content["status"] not in ANSWERS[status]:
            raise ValueError(f"{status} {content['status']} is not among ANSWERS")
        self.status = status
        self.content = content
        self.repository = ""
        self.delivery = ""
        self.digest = ""
        self.duplicate_of: str | None = None
        self.event = ""
        self.changes: list[Change] = []
        self.held: str | None = None
        self.ignored: str | None = None
        self.rejected = False


def refused(status: int, sentence: str) -> Decision:
    return Decision(status, {"status": "error", "error": sentence})


def duplicate(repository: str, delivery: str, run: "str | None") -> Decision:
    decision = Decision(200, {"status": "duplicate", "delivery": delivery, "run": run})
    decision.repository = repository
    decision.duplicate_of = delivery
    return decision
