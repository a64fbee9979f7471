"""Timers, several over the one timer of the System API.

When the timer fires, each due callback runs in a message of its own (a call of the canister to
itself), so that one that traps undoes only its own changes and the others still run. An interval
timer is armed again when its callback has finished. Timers are lost at an upgrade: set them again
in `post_upgrade`.
"""

from __future__ import annotations

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
    state.timers[timer_id] = Timer(_ic.time() + delay * _SECOND, interval * _SECOND, func)
    _arm()
    return timer_id


def clear_timer(timer_id: int) -> None:
    """Forget a timer; one that is unknown or already ran is ignored."""
    state.fired.pop(timer_id, None)
    if state.timers.pop(timer_id, None) is not None:
        _arm()


def _arm() -> None:
    if state.timers:
        _ic.global_timer_set(max(1, min(timer.deadline for timer in state.timers.values())))
    else:
        _ic.global_timer_set(0)


def on_global_timer() -> None:
    """Start every due timer, oldest deadline first, and arm for the rest."""
    now = _ic.time()
    due = sorted((timer.deadline, key) for key, timer in state.timers.items())
    for deadline, key in due:
        if deadline > now:
            break
        token = new_token()
        call = AsyncInfo(Principal(_ic.canister_self()), EXECUTOR, key.to_bytes(8, "big"), 0, None)
        if call.perform(token) == 0:
            state.continuations[token] = _Started(key)
            state.fired[key] = state.timers.pop(key)
        else:
            # No room in the queue: try again in a second.
            timer = state.timers[key]
            state.timers[key] = Timer(now + _SECOND, timer.interval, timer.func)
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
            state.timers[self.key] = Timer(deadline, timer.interval, timer.func)
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
