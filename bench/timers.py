"""Measures the guest package's timers in a burst: what one costs while many are pending.

Natively, on the canister side's own code (`kybra._timers`) over a System API that only keeps the
time and counts calls: on a replica the commit of a message would hide the difference.
"""

from __future__ import annotations

import gc
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import dcanary.wasm
from bench.figures import Burst

PENDING = (10, 1_000, 10_000)
BATCH = 200
ROUNDS = 15
SECOND = 1_000_000_000
FAR = 1_000_000
"""Delay in seconds of the timers that only wait."""


class SystemApi(ModuleType):
    """The functions of `_ic` that timers use; calls are accepted and not carried out."""

    def __init__(self) -> None:
        super().__init__("_ic")
        self.now = 1_000_000_000 * SECOND
        self.timer = 0
        self.version = 1
        self.sent: list[int] = []
        """Tokens of the calls since the last look."""

    def time(self) -> int:
        return self.now

    def global_timer_set(self, deadline: int) -> int:
        before, self.timer = self.timer, deadline
        return before

    def canister_self(self) -> bytes:
        return b"\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01"

    def canister_version(self) -> int:
        return self.version

    def call_perform(
        self,
        callee: bytes,
        method: str,
        data: bytes,
        cycles: int,
        token: int,
        timeout: int | None,
    ) -> int:
        self.sent.append(token)
        return 0


def measure(progress: Callable[[str], None]) -> list[Burst]:
    """Seconds per timer set, cleared and fired, for each number of pending ones."""
    progress(f"bursts of timers, up to {PENDING[-1]:,} pending")
    return [_burst(pending) for pending in PENDING]


def _burst(pending: int) -> Burst:
    system = SystemApi()
    timers, runtime = _guest(system)
    for _ in range(pending):
        timers.set_timer(FAR, _nothing)
    set_times, clear_times, fire_times = [], [], []
    gc.disable()
    try:
        made: list[int] = []
        for _ in range(ROUNDS):
            made.clear()
            set_times.append(_timed(lambda: made.extend(_set(timers, 2 * FAR))))
            clear_times.append(_timed(lambda: [timers.clear_timer(one) for one in made]))
            _set(timers, 1)
            system.now += 2 * SECOND
            fire_times.append(_timed(lambda: _fire(system, timers, runtime)))
    finally:
        gc.enable()
    if len(runtime.state.timers) != pending or runtime.state.fired:
        raise AssertionError("timers were lost or kept: the figures mean nothing")
    return Burst(pending, min(set_times), min(clear_times), min(fire_times))


def _guest(system: SystemApi) -> tuple[Any, Any]:
    """A fresh copy of the guest's timers and of its state, over this System API."""
    folder = str(Path(dcanary.wasm.__file__).parent / "guest")
    # A `kybra` that was imported before (the published wheel has one) must not be found, nor lost.
    others = {name: sys.modules.pop(name) for name in _guest_modules()}
    sys.modules["_ic"] = system
    sys.path.insert(0, folder)
    try:
        timers = importlib.import_module("kybra._timers")
        runtime = importlib.import_module("kybra._runtime")
    finally:
        sys.path.remove(folder)
        for name in _guest_modules():
            del sys.modules[name]
        sys.modules.update(others)
    return timers, runtime


def _guest_modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in ("_ic", "kybra")]


def _set(timers: Any, delay: int) -> list[int]:
    return [timers.set_timer(delay, _nothing) for _ in range(BATCH)]


def _fire(system: SystemApi, timers: Any, runtime: Any) -> None:
    """The global timer's message, then the answers of the callbacks it started."""
    system.sent.clear()
    system.version += 1
    timers.on_global_timer()
    if len(system.sent) != BATCH:
        raise AssertionError(f"{len(system.sent)} of {BATCH} due timers fired")
    for token in system.sent:
        runtime.state.continuations.pop(token).replied()


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) / BATCH


def _nothing() -> None:
    return
