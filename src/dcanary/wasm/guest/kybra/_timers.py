"""Timers, several over the one timer of the System API.

When the timer fires, each due callback runs in a message of its own (a call of the canister to
itself), so that one that traps undoes only its own changes and the others still run. An interval
timer is armed again when its callback has finished. Timers are lost at an upgrade: set them again
in `post_upgrade`.

Pending timers are a heap of (deadline, id): to set one, to clear one and to fire one cost
O(log n) of n pending ones. A cleared timer is forgotten at once, its entry of the heap when it
comes up or when such entries outnumber the pending ones.
"""

from __future__ import annotations

import heapq
from types import GeneratorType
from typing import Any

import _ic  # type: ignore[import-not-found]

from ._calls import AsyncInfo, Task, new_token
from ._principal import Principal
from ._runtime import state

EXECUTOR = "<kybra internal> run_timer"
"""The method a canister calls on itself; it is no part of the Candid interface."""
_SECOND = 1_000_000_000
_MAX_DELAY = (1 << 63) // _SECOND
_EMPTY_REPLY = b"DIDL\x00\x00"
_SLACK = 64
"""Entries of cleared timers that the heap may hold beyond as many as there are pending ones."""


class Timer:
    __slots__ = ("deadline", "func", "interval")

    def __init__(self, deadline: int, interval: int, func: Any) -> None:
        self.deadline = deadline
        self.interval = interval
        self.func = func


def set_timer(delay: int, func: Any, interval: int = 0) -> int:
    """Run `func` once in `delay` seconds, then every `interval` seconds if that is not 0."""
    if not callable(func):
        raise TypeError(f"a timer needs a function, not {func!r}")
    for seconds in (delay, interval):
        if not isinstance(seconds, int) or not 0 <= seconds <= _MAX_DELAY:
            raise ValueError(f"a duration is a whole number of seconds from 0, not {seconds!r}")
    timer_id = state.next_timer
    state.next_timer += 1
    _add(timer_id, Timer(_ic.time() + delay * _SECOND, interval * _SECOND, func))
    _arm()
    return timer_id


def clear_timer(timer_id: int) -> None:
    """Forget a timer; one that is unknown or already ran is ignored."""
    state.fired.pop(timer_id, None)
    if state.timers.pop(timer_id, None) is not None:
        if len(state.deadlines) > 2 * len(state.timers) + _SLACK:
            # In place of a search for the one entry: amortised, this is O(1) per cleared timer.
            state.deadlines = [(timer.deadline, key) for key, timer in state.timers.items()]
            heapq.heapify(state.deadlines)
        _arm()


def _add(timer_id: int, timer: Timer) -> None:
    state.timers[timer_id] = timer
    heapq.heappush(state.deadlines, (timer.deadline, timer_id))


def _next_deadline() -> int | None:
    """The earliest deadline; drops entries of cleared timers on the way to it.

    Ids are never used twice, and a timer leaves the heap before it gets another deadline: an entry
    whose id is pending is the only one of that id.
    """
    deadlines = state.deadlines
    while deadlines:
        if deadlines[0][1] in state.timers:
            return deadlines[0][0]
        heapq.heappop(deadlines)
    return None


def _arm() -> None:
    deadline = _next_deadline()
    _ic.global_timer_set(0 if deadline is None else max(1, deadline))


def on_global_timer() -> None:
    """Start every due timer, oldest deadline first, and arm for the rest."""
    now = _ic.time()
    while True:
        deadline = _next_deadline()
        if deadline is None or deadline > now:
            break
        _, key = heapq.heappop(state.deadlines)
        timer = state.timers.pop(key)
        token = new_token()
        call = AsyncInfo(Principal(_ic.canister_self()), EXECUTOR, key.to_bytes(8, "big"), 0, None)
        if call.perform(token) == 0:
            state.continuations[token] = _Started(key)
            state.fired[key] = timer
        else:
            # No room in the queue: try again in a second.
            _add(key, Timer(now + _SECOND, timer.interval, timer.func))
    _arm()


class _Started:
    """Waits for the end of a callback, however it ends."""

    __slots__ = ("key",)

    def __init__(self, key: int) -> None:
        self.key = key

    def replied(self) -> None:
        timer = state.fired.pop(self.key, None)
        if timer is not None and timer.interval:
            deadline = _ic.time() + timer.interval
            _add(self.key, Timer(deadline, timer.interval, timer.func))
            _arm()

    rejected = replied


class Executor:
    """The update method that runs one callback; only the canister itself may call it."""

    name = EXECUTOR
    manual = False

    def run(self) -> None:
        if _ic.msg_caller() != _ic.canister_self():
            _ic.msg_reject("only the canister itself runs its timers")
            return
        state.current = self
        timer = state.fired.get(int.from_bytes(_ic.msg_arg_data(), "big"))
        if timer is None:
            _ic.msg_reply(_EMPTY_REPLY)
            return
        value = timer.func()
        if isinstance(value, GeneratorType):
            Task(value, self).run(None)
        else:
            self.finish(value)

    def finish(self, value: Any) -> None:
        _ic.msg_reply(_EMPTY_REPLY)

    def reply(self, value: Any) -> None:
        raise RuntimeError("a timer has no caller to reply to")
