"""What the canister declared while its modules were imported, and what it has in flight.

Everything here is heap: an upgrade starts with empty `continuations` and `timers`, as on any
canister. `capture` and `restore` let a native test harness undo a message that trapped.
"""

from __future__ import annotations

from typing import Any, Callable


class Declarations:
    """Filled by decorators and constructors at import, read once by `kybra._entry.load`."""

    def __init__(self) -> None:
        self.methods: list[tuple[str, Callable[..., Any], Any]] = []
        self.service_methods: list[Any] = []
        self.maps: list[Any] = []


class State:
    """Heap state of the running canister."""

    def __init__(self) -> None:
        self.current: Any = None
        """The method whose call context is served (for `ic.reply`)."""
        self.continuations: dict[int, Any] = {}
        self.next_token = 0
        """The token after the last one given, see `_calls.new_token`."""
        self.timers: dict[int, Any] = {}
        """The pending ones by id."""
        self.deadlines: list[tuple[int, int]] = []
        """A heap of (deadline, id) of the pending ones, and of some that were cleared."""
        self.fired: dict[int, Any] = {}
        self.next_timer = 1
        self.stable: Any = None
        """The opened stable memory, see `_stable`."""


declared = Declarations()
state = State()


def capture() -> dict[str, Any]:
    """A copy of the heap state, for `restore`."""
    return {
        "continuations": dict(state.continuations),
        "next_token": state.next_token,
        "timers": dict(state.timers),
        "deadlines": list(state.deadlines),
        "fired": dict(state.fired),
        "next_timer": state.next_timer,
    }


def restore(saved: dict[str, Any]) -> None:
    """Go back to a captured state; what was cached of stable memory is read again."""
    for name, value in saved.items():
        setattr(state, name, value)
    state.stable = None
