"""The figures as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.figures import (
    MESSAGE_LIMIT,
    Building,
    Burst,
    Delivering,
    MethodShare,
    Ratio,
    WholeRun,
    building_ratios,
    burst_ratios,
    by_canister,
    count,
    delivering_ratios,
    run_ratios,
    shares,
)

FORMAT = 1
"""Raised when a field of the JSON form changes its meaning."""


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run of the benchmarks. `seconds` is how long they took."""

    building: Building
    delivering: Delivering
    run: WholeRun
    processors: int
    load: float
    """Processes that wanted a processor when the benchmarks began (one-minute average)."""
    seconds: float
    bursts: Sequence[Burst]
    """By the number of pending timers, the fewest first."""
    network: Sequence[Ratio] = ()
    """Of the embedded network: its engine, and how long others wait."""
    runs: Sequence[Ratio] = ()
    """Of a burst of runs."""

    def ratios(self) -> list[Ratio]:
        """In the order of a run: build, deliver, run; then bursts and the network."""
        return [
            *building_ratios(self.building),
            *delivering_ratios(self.delivering),
            *run_ratios(self.run),
            *self.runs,
            *burst_ratios(self.bursts),
            *self.network,
        ]

    def text(self) -> str:
        """For people: ratios, phases, instructions by canister and by method."""
        rows = shares(self.run.before, self.run.after)
        parts = [
            ratio_lines(self.ratios()),
            phase_lines(self.run),
            canister_lines(rows),
            method_lines(rows),
            [self._conditions()],
        ]
        return "\n\n".join("\n".join(part) for part in parts) + "\n"

    def record(self) -> dict[str, Any]:
        """For programs: JSON-serialisable; times in seconds."""
        rows = shares(self.run.before, self.run.after)
        return {
            "format": FORMAT,
            "processors": self.processors,
            "load": self.load,
            "seconds": self.seconds,
            "message_limit": MESSAGE_LIMIT,
            "ratios": [asdict(one) for one in self.ratios()],
            "phases": [asdict(one) for one in self.run.phases],
            "instructions": [asdict(one) for one in rows],
            "samples": {
                "template": self.building.template,
                "canister_builds": list(self.building.canister_builds),
                "noop_updates": list(self.delivering.noop_updates),
                "deliveries": list(self.delivering.deliveries),
                "run_wall": self.run.wall,
                "run_network_cpu": self.run.network_cpu,
                "timer_bursts": [asdict(one) for one in self.bursts],
            },
        }

    def _conditions(self) -> str:
        told = f"measured in {self.seconds:.0f} s on {self.processors} processors"
        if self.load > self.processors / 2:
            told += (
                f"; other work was going on (load {self.load:.1f}): ratios of times are less "
                "certain, instructions hardly depend on it"
            )
        return told


def number(value: float) -> str:
    """A ratio with three digits that mean something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:#.3g}" if value >= 0.001 else f"{value:.1e}"


def ratio_lines(ratios: Sequence[Ratio]) -> list[str]:
    """Two lines per ratio: what, and to what."""
    lines = ["Ratios"]
    for one in ratios:
        lines.append(f"  {number(one.value):>8}  {one.name}")
        lines.append(f"  {'':>8}  ratio to {one.peer}: {one.measured}")
    return lines


def phase_lines(run: WholeRun) -> list[str]:
    """Where the wall time of the run went."""
    whole = sum(phase.seconds for phase in run.phases)
    lines = [f"Phases of a run of {run.repository} (ratio to its wall time, {whole:.1f} s)"]
    for phase in run.phases:
        share = phase.seconds / whole if whole else 0.0
        place = "off chain" if phase.building else "on chain"
        lines.append(f"  {share:>8.1%}  {phase.name} ({place})")
    return lines


def canister_lines(rows: Sequence[MethodShare]) -> list[str]:
    """One line per canister."""
    lines = ["Instructions of the run by canister"]
    lines.append(f"  {'canister':<16} {'instructions':>12} {'to 40 B':>9} {'to total':>9}")
    for row in by_canister(rows):
        lines.append(f"  {row.canister:<16} {_numbers(row)}")
    return lines


def method_lines(rows: Sequence[MethodShare]) -> list[str]:
    """One line per method, and the sum."""
    width = max(len(f"{row.canister}.{row.method}") for row in rows)
    lines = ["Instructions of the run by method (sum of its messages; to one message's limit)"]
    lines.append(f"  {'method':<{width}} {'instructions':>12} {'to 40 B':>9} {'to total':>9}")
    for row in rows:
        lines.append(f"  {row.canister + '.' + row.method:<{width}} {_numbers(row)}")
    total = sum(row.instructions for row in rows)
    whole = MethodShare("", "", total, total / MESSAGE_LIMIT, 1.0)
    lines.append(f"  {'total':<{width}} {_numbers(whole)}")
    return lines


def _numbers(row: MethodShare) -> str:
    return f"{count(row.instructions):>12} {row.of_limit:>9.3%} {row.of_total:>9.1%}"
