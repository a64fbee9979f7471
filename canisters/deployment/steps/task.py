"""What a step of a release is performed with. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord, TargetRecord
    from shared.types.approval import Order
    from shared.types.release import ReleaseOrder, RollbackOrder


class Task:
    """All that a step needs. `approved` is the order that people decided on, which releases that
    began before 0.2 have not. `target` is given when the step says so; `sent_ns` is since when an
    earlier attempt may have been performed without its answer arriving, 0 when there was none."""

    __slots__ = ("approved", "number", "order", "progress", "rollback", "sent_ns", "target")

    def __init__(
        self,
        number: int,
        progress: "ProgressRecord",
        order: "ReleaseOrder",
        approved: "Order | None",
        rollback: "RollbackOrder | None",
        target: "TargetRecord | None",
        sent_ns: int,
    ) -> None:
        self.number = number
        self.progress = progress
        self.order = order
        self.approved = approved
        self.rollback = rollback
        self.target = target
        self.sent_ns = sent_ns
