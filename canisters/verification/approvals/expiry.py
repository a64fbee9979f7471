"""Ends requests that nobody decided in time: one timer for the earliest deadline."""

from collections.abc import Callable

from kybra import ic

from canisters.verification.approvals.latest import latest_of
from canisters.verification.approvals.rules import state_at
from canisters.verification.store import approvals, open_approvals
from shared.base.outbox import timer_delay_seconds


class Expiry:
    """Wakes at the earliest deadline among the open requests; `ended` is told of each that ends."""

    def __init__(self, ended: "Callable[[int], None]") -> None:
        self._ended = ended
        self._armed_ns = 0

    def arm(self, due_ns: int) -> None:
        """Wake at `due_ns` unless a timer fires before."""
        now = ic.time()
        if now < self._armed_ns <= due_ns:
            return
        self._armed_ns = max(due_ns, now + 1)
        ic.set_timer(timer_delay_seconds(now, due_ns), self._wake)

    def rearm(self) -> None:
        """After an upgrade, which loses timers."""
        deadlines = [row["expires_ns"] for _, row in open_approvals.items()]
        if deadlines:
            self.arm(min(deadlines))

    def _wake(self) -> None:
        now = ic.time()
        if now < self._armed_ns:
            return
        self._armed_ns = 0
        for number, row in open_approvals.items():
            if row["expires_ns"] > now:
                continue
            open_approvals.remove(number)
            record = approvals.get(number)
            if record is not None:
                record["state"] = state_at(record, now, latest_of(row["target"]))
                approvals.insert(number, record)
                self._ended(number)
        self.rearm()
