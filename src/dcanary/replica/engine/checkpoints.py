"""Decides when a checkpoint is written: by how long a replay of the log since the last one takes.

A checkpoint cannot be written while runs are beside the rounds, as their half is not in the state.
With a canister that always runs, that is never: so when a replay would take long, nothing more is
begun about the canisters whose runs were beside (they are *held*, as the log says), until no run is
beside. All others go on meanwhile.

Rejected: waiting for the runs, because the whole network stands still for as long as they take.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from dcanary.replica.api import StateNotWritten
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.inputs import Input
from dcanary.replica.engine.journal import Journal
from dcanary.replica.engine.options import Options
from dcanary.replica.engine.rounds import with_notes
from dcanary.replica.engine.scheduler import Scheduler
from dcanary.replica.state.errors import EngineError

_PATIENCE = 4
"""So many times what a checkpoint is due after is waited for a moment without runs beside."""
LONG_SECONDS = 1.0
"""Canisters whose runs took longer are held while such a run is beside; others only at the end."""
Apply = Callable[[Input, Sequence[Input]], object]
"""Applies an input with its notes, without logging it."""


class Checkpoints:
    """Writes the checkpoints of one engine, which calls it with its lock held."""

    def __init__(
        self,
        journal: Journal,
        core: Core,
        scheduler: Scheduler,
        options: Options,
        log_and_apply: Callable[[Input], object],
    ) -> None:
        self._journal = journal
        self._core = core
        self._scheduler = scheduler
        self._options = options
        self._log_and_apply = log_and_apply
        self._seconds = 0.0
        """What a replay of the log takes."""
        self._draining = False

    def recover(self, apply: Apply) -> None:
        """Execute the inputs in the log again, with checkpoints on the way. Raises `EngineError`
        when the log cannot be read."""
        entries = self._journal.replay()
        runs, done, begun = self._core.runs, 0, time.monotonic()
        for entry, notes in with_notes(entries):
            # An input that failed when it was live fails the same way again.
            with contextlib.suppress(Exception):
                apply(entry, notes)
            done += 1 + len(notes)
            if self._options.progress is not None:
                self._options.progress(done, len(entries))
            passed = time.monotonic() - begun
            quiet = not (runs.beside or self._scheduler.held)
            if passed > self._options.recovery_seconds and quiet and done < len(entries):
                # A full disk must not keep the network from starting.
                with contextlib.suppress(EngineError, StateNotWritten):
                    self._journal.checkpoint(self._core, entries[done:])
                begun = time.monotonic()
        runs.seconds_beside = 0.0
        self._seconds = time.monotonic() - begun
        self._draining = bool(self._scheduler.held)

    def held(self) -> list[bytes]:
        """Canisters about which the next round begins nothing."""
        if not self._draining:
            return []
        runs, now = self._core.runs, time.monotonic()
        going_on = {run.key for run in runs.beside.values() if now - run.begun > LONG_SECONDS}
        if not going_on:
            return sorted(runs.slow)
        # A canister that was beside for a moment, because the machine is busy, must not wait for
        # those that run for minutes.
        return sorted(going_on.union(k for k, took in runs.longest.items() if took > LONG_SECONDS))

    def count(self, seconds: float) -> None:
        """Note what an input took; writes a checkpoint when one is due."""
        runs, options = self._core.runs, self._options
        self._seconds += seconds + runs.seconds_beside
        runs.seconds_beside = 0.0
        due = max(
            self._seconds / options.replay_seconds, self._journal.log_size / options.log_bytes
        )
        if due <= 1:
            return
        if runs.beside:
            self._draining = self._draining or due > _PATIENCE
            return
        # The input has taken effect and is in the log: a full disk must not make it fail.
        with contextlib.suppress(EngineError, StateNotWritten):
            self.write()

    def write(self) -> None:
        """Write a checkpoint, unless runs are beside. Raises `StateNotWritten`."""
        if self._core.runs.beside:
            return
        self._seconds = 0.0
        if self._scheduler.held:
            self._log_and_apply(["release"])
        self._draining = False
        self._core.runs.slow.clear()
        self._core.runs.longest.clear()
        self._journal.checkpoint(self._core)
