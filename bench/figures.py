"""What was measured and the ratios that follow: functions of numbers, no clock, no network."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MESSAGE_LIMIT = 40_000_000_000
"""Instructions that one update message may use (IC documentation, "Resource limits")."""

Totals = Mapping[str, Mapping[str, int]]
"""Instructions of all messages so far: canister -> method -> sum."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One line of the result: `value` is the ratio of what `name` says to `peer`."""

    key: str
    name: str
    value: float
    peer: str
    measured: str
    """The two numbers behind it, for people."""


@dataclass(frozen=True, slots=True)
class MethodShare:
    """Instructions of all messages of one method in a run; the shares are fractions.

    `of_limit` compares the sum with what a single message may use: no message of the method used
    more.
    """

    canister: str
    method: str
    instructions: int
    of_limit: float
    of_total: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run's wall time, in seconds. `building` is the part off the chain."""

    name: str
    seconds: float
    building: bool = False


@dataclass(frozen=True, slots=True)
class Building:
    """Seconds of the template step, and of each build of one canister."""

    canister: str
    template: float
    canister_builds: Sequence[float]


@dataclass(frozen=True, slots=True)
class Delivering:
    """Seconds of each no-op update, and of each delivery until its first job was queued."""

    noop_updates: Sequence[float]
    deliveries: Sequence[float]


@dataclass(frozen=True, slots=True)
class Burst:
    """Seconds to set, clear and fire one timer of a canister while `pending` others wait."""

    pending: int
    set_seconds: float
    clear_seconds: float
    fire_seconds: float


@dataclass(frozen=True, slots=True)
class WholeRun:
    """One run from its delivery to the installed canister.

    `wall` and `network_cpu` are seconds: by the clock, and of processor time of the network's
    process, which executes the canisters, certifies their answers and serves HTTP.
    """

    repository: str
    wall: float
    network_cpu: float
    phases: Sequence[Phase]
    before: Totals
    after: Totals


def ratio_of(value: float, to: float, what: str) -> float:
    """Raises ValueError when there is nothing to compare with."""
    if to <= 0:
        raise ValueError(f"{what} is {to}: nothing can be compared with it")
    return value / to


def shares(before: Totals, after: Totals) -> list[MethodShare]:
    """Instructions between two readings, the largest first; methods that did not run are left out.

    Raises ValueError when a total became smaller or vanished (the readings are then not of one
    installation), or when nothing ran.
    """
    used: list[tuple[str, str, int]] = []
    for canister, methods in before.items():
        for method, number in methods.items():
            if after.get(canister, {}).get(method, -1) < number:
                raise ValueError(f"the instructions of {canister}.{method} became fewer")
    for canister, methods in after.items():
        for method, number in methods.items():
            difference = number - before.get(canister, {}).get(method, 0)
            if difference:
                used.append((canister, method, difference))
    if not used:
        raise ValueError("no canister used an instruction: was there a run?")
    total = sum(row[2] for row in used)
    return [
        MethodShare(canister, method, number, number / MESSAGE_LIMIT, number / total)
        for canister, method, number in sorted(used, key=lambda row: (-row[2], row[0], row[1]))
    ]


def by_canister(rows: Sequence[MethodShare]) -> list[MethodShare]:
    """The same rows summed per canister, the largest first; `method` is empty."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.canister] = sums.get(row.canister, 0) + row.instructions
    total = sum(sums.values())
    return [
        MethodShare(name, "", number, number / MESSAGE_LIMIT, number / total)
        for name, number in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    ]


def building_ratios(measured: Building) -> list[Ratio]:
    """How much of a first build is the template step, which later builds do not repeat."""
    build = statistics.median(measured.canister_builds)
    return [
        Ratio(
            "build_to_template",
            f"build of one canister ({measured.canister})",
            ratio_of(build, measured.template, "the template step"),
            "the template step, done once per tool version",
            f"{build:.2f} s to {measured.template:.1f} s",
        )
    ]


def delivering_ratios(measured: Delivering) -> list[Ratio]:
    """What signature, trigger and two hops between canisters add to the cheapest update."""
    noop = statistics.median(measured.noop_updates)
    delivery = statistics.median(measured.deliveries)
    return [
        Ratio(
            "delivery_to_noop",
            "signed delivery until its job is queued",
            ratio_of(delivery, noop, "the no-op update"),
            "a no-op update of a canister on the same network",
            f"{delivery * 1000:.0f} ms to {noop * 1000:.0f} ms",
        )
    ]


def burst_ratios(bursts: Sequence[Burst]) -> list[Ratio]:
    """What a timer costs with the most pending ones against the fewest."""
    few, many = bursts[0], bursts[-1]
    rows = [
        ("set", "set a timer", few.set_seconds, many.set_seconds),
        ("clear", "clear a timer", few.clear_seconds, many.clear_seconds),
        ("fire", "fire a timer", few.fire_seconds, many.fire_seconds),
    ]
    return [
        Ratio(
            f"timer_{key}_burst",
            f"{name} while {many.pending:,} are pending",
            ratio_of(after, before, f"the time to {name}"),
            f"the same while {few.pending} are pending",
            f"{after * 1e6:.2f} us to {before * 1e6:.2f} us",
        )
        for key, name, before, after in rows
    ]


def run_ratios(run: WholeRun) -> list[Ratio]:
    """The run against the limit of one message, and the chain's part of the run's time."""
    rows = shares(run.before, run.after)
    total, largest = sum(row.instructions for row in rows), rows[0]
    phases = sum(phase.seconds for phase in run.phases)
    outside = sum(phase.seconds for phase in run.phases if not phase.building)
    return [
        Ratio(
            "run_to_message_limit",
            "instructions of a whole run, all canisters",
            total / MESSAGE_LIMIT,
            "the Internet Computer's limit of one message (40 B)",
            f"{count(total)} to {count(MESSAGE_LIMIT)}",
        ),
        Ratio(
            "largest_method_to_message_limit",
            f"the costliest method ({largest.canister}.{largest.method}), all its messages",
            largest.of_limit,
            "the Internet Computer's limit of one message (40 B)",
            f"{count(largest.instructions)} to {count(MESSAGE_LIMIT)}",
        ),
        Ratio(
            "network_cpu_to_wall",
            "the network's processor time during the run",
            ratio_of(run.network_cpu, run.wall, "the run's wall time"),
            "the run's wall time (push to installed canister)",
            f"{run.network_cpu:.1f} s to {run.wall:.1f} s",
        ),
        Ratio(
            "chain_to_wall",
            "time outside building: chain, messages, polling",
            ratio_of(outside, phases, "the run's wall time"),
            "the run's wall time (delivery to installed canister)",
            f"{outside:.1f} s to {phases:.1f} s",
        ),
    ]


def count(number: int) -> str:
    """A number of instructions with three digits that mean something: 1.23 M, 40.0 B."""
    for size, word in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            value = number / size
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{digits}f} {word}"
    return str(number)
