"""What performing a step gave. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.deployment.steps.assets import Filling
    from shared.types.management import Snapshot


class Look:
    """What `canister_status` and `canister_info` say of a canister. Amounts in cycles and bytes.

    `running`: it takes calls. `charged`: it pays for its memory, as it does wherever anything costs
    cycles. `frozen_below` is the balance at which it freezes; a negative one is what its reserved
    cycles cover beyond that. `freezing_seconds` is what that is reckoned for. `by_others` describes
    the newest change that somebody else made, None when none is listed.
    """

    __slots__ = (
        "balance",
        "by_others",
        "changes",
        "charged",
        "controllers",
        "freezing_seconds",
        "frozen_below",
        "memory_allocation",
        "memory_bytes",
        "module_hash",
        "running",
    )

    def __init__(
        self,
        module_hash: "bytes | None",
        changes: int = 0,
        running: bool = False,
        charged: bool = False,
        balance: int = 0,
        frozen_below: int = 0,
        freezing_seconds: int = 0,
        memory_bytes: int = 0,
        memory_allocation: int = 0,
        controllers: "list[Principal] | None" = None,
        by_others: "str | None" = None,
    ) -> None:
        self.module_hash = module_hash
        self.changes = changes
        self.running = running
        self.charged = charged
        self.balance = balance
        self.frozen_below = frozen_below
        self.freezing_seconds = freezing_seconds
        self.memory_bytes = memory_bytes
        self.memory_allocation = memory_allocation
        self.controllers = controllers
        self.by_others = by_others


class Answer:
    """The outcome of a step. `error` is None on success.

    `final`: trying again cannot help. `transient`: the call was not performed at all. `unknown`: no
    answer came in time, and it may have been performed. `listed`: the target's snapshots before
    this one was taken. `look` is what a look at the canister found, `filling` what was done to its
    files.
    """

    __slots__ = ("error", "filling", "final", "listed", "look", "transient", "unknown", "value")

    def __init__(
        self,
        value: "bytes | None" = None,
        error: "str | None" = None,
        final: bool = False,
        transient: bool = False,
        listed: "list[Snapshot] | None" = None,
        look: "Look | None" = None,
        unknown: bool = False,
        filling: "Filling | None" = None,
    ) -> None:
        self.filling = filling
        self.listed = listed
        self.look = look
        self.value = value
        self.error = error
        self.final = final
        self.transient = transient
        self.unknown = unknown


OUT_OF_CYCLES = "IC0207"
NO_ANSWER = "no answer came in time"


def rejected(error: str) -> Answer:
    """Make the Answer for a rejected call from the text that the canister runtime gives it.

    A canister short of cycles is not helped by trying again while it is stopped.
    """
    head, _, message = error.partition(", ")
    if not head.startswith("Rejection code "):
        return Answer(error=error)
    if head == "Rejection code 6":
        return Answer(error=NO_ANSWER, unknown=True)
    return Answer(
        error=message or error,
        transient=head == "Rejection code 2",
        final=OUT_OF_CYCLES in message,
    )
