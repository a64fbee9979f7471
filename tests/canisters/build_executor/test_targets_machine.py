"""Several targets under any order of answers, news, decisions, losses, cancelling and retries."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canisters.build_executor.runs import approval as approvals
from canisters.build_executor.runs import releasing
from canisters.build_executor.runs import service as runs
from tests.canisters.build_executor.helpers.world import answer
from tests.canisters.build_executor.test_several_targets import CHAIN, FAN, Releasing

ENDS = ("Succeeded", "Failed", "Rejected", "Cancelled")
UNDONE = ("Rejected", "Withdrawn", "Failed")
"""States of a request after which the run may ask anew."""
FOLLOWED = ("Approved", "Released")
"""States of a request that a run follows which asks anew."""
WORDS = {
    "Pending": ("Approving", None),
    "Approved": ("Releasing", None),
    "Released": ("Released", None),
    "Rejected": ("Rejected", "it was rejected"),
    "Withdrawn": ("Rejected", "it is blocked: withdrawn"),
    "Failed": ("Failed", "it traps"),
}
"""What `verification` tells of a request in each state."""


class Machine:
    """A run, and `verification` as a list of requests a target, the last one newest."""

    def __init__(self, deploys: tuple[dict[str, Any], ...]) -> None:
        self.world = Releasing(*deploys).world
        self.needs = {one["target"]: one["depends_on"] or [] for one in deploys}
        self.requests: dict[str, list[str]] = {one["target"]: [] for one in deploys}
        self.messages: dict[str, None] = {}
        self.news: dict[tuple[str, int], None] = {}
        self.collect()

    def collect(self) -> None:
        for key in self.world.book.take_outgoing():
            if key.startswith("approval:"):
                self.messages[key] = None

    def released(self, target: str) -> bool:
        return "Released" in self.requests[target]

    def send(self, key: str, lost: bool) -> None:
        """A message reaches `verification`; its answer may get lost, then it is sent again."""
        book, now = self.world.book, self.world.now
        run, _, target = key.removeprefix("approval:").partition("/")
        request = approvals.request_of(book, run, target, now)
        if request is not None:
            made, attempt = self.requests[target], request["attempt"] or 1
            assert all(self.released(other) for other in self.needs[target])
            assert attempt <= len(made) + 1
            if attempt == len(made) + 1 and made and made[-1] in FOLLOWED:
                # Its release was ordered again before the run asked anew: the same request stands.
                made.append(made[-1])
            elif attempt == len(made) + 1:
                assert not self.released(target)
                if made and made[-1] == "Pending":
                    # Its run asks anew: `verification` withdraws what waits.
                    made[-1] = "Withdrawn"
                assert not made or made[-1] in UNDONE, made
                made.append("Pending")
            self.news[target, attempt] = None
            if lost:
                return
            releasing.approval_made(book, run, target, f"{target}-{attempt}", now)
        standing = releasing.to_withdraw(book, run, target)
        if standing is not None:
            made = self.requests[target]
            assert standing[0] == f"{target}-{len(made)}"
            if made[-1] == "Pending":
                made[-1] = "Withdrawn"
            if lost:
                return
            if made[-1] in UNDONE:
                releasing.withdrawn(book, run, target, now)
            else:
                releasing.withdrawal_refused(book, run, target, now)
        self.messages.pop(key, None)
        self.collect()

    def tell(self, target: str, attempt: int) -> None:
        """News of a request arrive, as it is now."""
        state, why = WORDS[self.requests[target][attempt - 1]]
        approved = state in ("Releasing", "Released", "Failed")
        notice: Any = {
            "run": "run-1",
            "approval": f"{target}-{attempt}",
            "release": f"release of {target}" if approved else None,
            "state": {state: why},
            "attempt": attempt,
            "target": target,
        }
        told = answer(lambda: releasing.record_release(self.world.book, notice, self.world.now))
        assert told == {"Ok": None}
        self.news.pop((target, attempt), None)
        self.collect()

    def change(self, target: str, before: str, after: str) -> None:
        made = self.requests[target]
        if made and made[-1] == before:
            made[-1] = after
            self.news[target, len(made)] = None

    def step(self, data: st.DataObject) -> None:
        what = data.draw(st.sampled_from(["send"] * 4 + ["tell"] * 4 + ["people"] * 4 + ["other"]))
        target = data.draw(st.sampled_from(sorted(self.requests)))
        if what == "send" and self.messages:
            key = data.draw(st.sampled_from(sorted(self.messages)))
            self.send(key, data.draw(st.booleans()))
        elif what == "tell" and self.requests[target]:
            self.tell(target, data.draw(st.integers(1, len(self.requests[target]))))
        elif what == "people":
            before, after = data.draw(
                st.sampled_from(
                    [
                        *[("Pending", "Approved"), ("Approved", "Released")] * 3,
                        *[("Pending", "Rejected"), ("Approved", "Failed"), ("Failed", "Approved")],
                    ]
                )
            )
            self.change(target, before, after)
        elif what == "other":
            how = data.draw(st.sampled_from(["cancel", "retry", "retry", "upgrade"]))
            if how == "cancel":
                self.world.cancel("run-1", "eve")
            elif how == "retry":
                answer(lambda: runs.retry(self.world.book, "run-1", self.world.now))
            else:
                self.world.upgrade()
            self.collect()

    def check(self) -> None:
        found = self.world.run()
        state = next(iter(found["state"]))
        assert (state == "Succeeded") <= all(self.released(name) for name in self.requests)
        if state not in ENDS:
            return
        assert found["waiting_for"] == []
        for target, made in self.requests.items():
            # No request of an ended run can still be decided, but for one that is being withdrawn
            # or that its run has heard the end of by another way.
            if made and made[-1] == "Pending":
                assert f"approval:run-1/{target}" in self.messages

    def drain(self) -> None:
        """Everything arrives, and people and releases do their work: the run must end."""
        for _ in range(12):
            for key in list(self.messages):
                self.send(key, lost=False)
            for target in self.requests:
                self.change(target, "Pending", "Approved")
                self.change(target, "Approved", "Released")
            for target, attempt in list(self.news):
                self.tell(target, attempt)
        self.check()
        found = self.world.run()
        assert next(iter(found["state"])) in ENDS, (found["state"], self.requests)
        assert not self.messages
        for each in found["targets"]:
            assert ("Released" in each["state"]) == self.released(each["target"])


@given(data=st.data(), deploys=st.sampled_from([CHAIN, FAN]), steps=st.integers(0, 40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_no_target_goes_before_those_that_it_needs_and_the_run_ends(
    data: st.DataObject, deploys: Any, steps: int
) -> None:
    machine = Machine(deploys)
    for _ in range(steps):
        machine.step(data)
        machine.check()
    machine.drain()
