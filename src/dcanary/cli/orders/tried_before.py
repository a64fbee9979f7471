"""Whether what people are asked about was tried before, and failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.display import harmless
from dcanary.cli.operations.watch import state_of

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.verification import Approval

FAILED = ("Failed", "ConcurrentChange")
MAX_REASON = 160
"""Characters of the reason that are told; the release has all of it."""


def warnings(system: System, found: Approval) -> list[str]:
    """A warning when the last release of the same run to the same target failed; none otherwise.

    `run retry` asks again about the same bytes: where nothing else changed, they fail again.
    """
    order = found["order"]
    if order is None or "Pending" not in found["state"]:
        return []
    rows = system.build_executor.get_run(order["run"])["targets"] or []
    # The run keeps the release of an earlier request until there is another one.
    names = [one["release"] for one in rows if one["target"] == order["target"]]
    name = names[0] if names else None
    if name is None:
        return []
    earlier = system.deployment.get_release(name)
    if state_of(earlier) not in FAILED:
        return []
    is_same = earlier["order"]["digest"] == found["digest"]
    same = "order, with the same digest," if is_same else "module"
    why = harmless(str(next(iter(earlier["state"].values()))))
    told = why if len(why) <= MAX_REASON else f"{why[: MAX_REASON - 1]}…"
    return [f"WARNING: this {same} failed in {name}: {told} (dcanary release show {name})"]
