"""Runs one stage to its end: one command after the other, each in a process tree of its own.

The executor alone counts the commands. Before the next one, and before artifacts are collected,
the whole tree of the last one is killed and seen to be gone.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dcanary.executor.sandbox.child import Child
from dcanary.executor.sandbox.launcher import command_program, shell_program, unpack_program
from dcanary.executor.sandbox.model import (
    ARTIFACT,
    COMMAND,
    OUTPUT_LIMIT,
    TIME_LIMIT,
    ArtifactError,
    Collect,
    Limits,
    Output,
    Plan,
    SandboxError,
    StageResult,
    Stop,
)
from dcanary.executor.sandbox.usage import Used

_TICK_SECONDS = 0.05
_READ_BYTES = 64 * 1024
_PIPE_CHUNKS = 64
"""More than a pipe can hold: 1 MiB by default."""
_SHOWN_COMMAND_CHARS = 80
_NOT_FOUND = 127
"""What a shell ends with where it finds no program of that name."""
_SAID_BYTES = 2_000


class Tree(Protocol):
    """One process and all that comes from it."""

    @property
    def child(self) -> Child:
        """The first process; its standard output has what all of them print."""
        ...

    def began(self) -> bool:
        """Whether the program was reached. Asked when the process has ended by itself."""
        ...

    def end(self) -> None:
        """Kill all of it and wait until it is gone. Called once.

        Raises SandboxError when something of it stays.
        """
        ...


class Cage(Protocol):
    """One kind of confinement around one stage, with the file system that its commands share."""

    used: Used

    @property
    def source(self) -> str:
        """The folder of the source, as the commands see it."""
        ...

    def start(self, program: Sequence[str], stdin: int) -> Tree:
        """Begin a program in a new tree. Raises OSError."""
        ...

    def violation(self) -> tuple[str, str] | None:
        """(reason, sentence) of a limit that the stage has gone over; `used` is up to date then."""
        ...

    def open_source(self) -> int:
        """A descriptor of the folder of the source; the caller closes it. Raises OSError."""
        ...

    def close(self) -> None:
        """Give all back. No tree lives any more."""
        ...


@dataclass
class _Ending:
    reason: str
    detail: str = ""
    cancelled: bool = False


def supervise(
    cage: Cage, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
) -> StageResult:
    """Run a plan in a cage, and close it. Raises SandboxError when the cage does not hold."""
    started = time.monotonic_ns()
    stage = _Stage(cage, limits, output, stop)
    try:
        ending = _perform(stage, cage, plan)
        if ending is None:
            ending = _collect(cage, collect)
        elif ending.reason == COMMAND and plan.inspect is not None:
            # The stage has failed already: what the inspection says of artifacts changes nothing.
            _collect(cage, plan.inspect)
        if plan.attend is not None and not ending.cancelled:
            plan.attend(ending.detail or ending.reason, stage.show)
    finally:
        cage.close()
    return StageResult(
        reason=ending.reason,
        detail=ending.detail,
        wall_ns=time.monotonic_ns() - started,
        peak_memory_bytes=cage.used.peak_memory_bytes,
        output_bytes=stage.printed,
        cancelled=ending.cancelled,
        cpu_ns=cage.used.cpu_ns,
        storage_bytes=cage.used.storage_bytes,
    )


def _perform(stage: "_Stage", cage: Cage, plan: Plan) -> _Ending | None:
    """Unpack the source and run the commands; how the stage ended, or None when all went well."""
    try:
        with plan.source.open("rb") as source:
            done = stage.run(unpack_program(cage.source), source.fileno())
    except OSError as error:
        raise SandboxError(f"the sandbox does not start: {error}") from error
    if isinstance(done, _Ending):
        return done
    if done != 0:
        return _Ending(COMMAND, "the source could not be unpacked")
    for number, command in enumerate(plan.commands, start=1):
        if not stage.say(f"$ {command}\n".encode(errors="surrogateescape")):
            return stage.too_much_output()
        done = stage.run(command_program(cage.source, command), subprocess.DEVNULL)
        if isinstance(done, _Ending):
            return done
        if done != 0:
            return _Ending(COMMAND, _failure(number, len(plan.commands), command, done))
    return None


def _failure(number: int, count: int, command: str, code: int) -> str:
    shown = command
    if len(shown) > _SHOWN_COMMAND_CHARS:
        shown = shown[:_SHOWN_COMMAND_CHARS] + "…"
    if code < 0:
        how = f"was killed by {_signal_name(-code)}"
    elif code > 128 and (name := _signal_name(code - 128)):
        # So says whoever waited for it in the sandbox; a command may choose that code itself, too.
        how = f"ended with exit code {code} (as when killed by {name})"
    elif code == _NOT_FOUND:
        how = f"ended with exit code {code} (as when the stage has no such program)"
    else:
        how = f"ended with exit code {code}"
    return f"command {number} of {count} {how}: {shown}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _collect(cage: Cage, collect: Collect) -> _Ending:
    try:
        folder = cage.open_source()
    except OSError as error:
        return _Ending(ARTIFACT, f"the checkout folder is gone: {error.strerror}")
    try:
        collect(folder)
    except ArtifactError as error:
        return _Ending(ARTIFACT, str(error))
    finally:
        os.close(folder)
    return _Ending("")


class _Stage:
    """What all trees of one stage share: time, output and limits."""

    def __init__(self, cage: Cage, limits: Limits, output: Output, stop: Stop) -> None:
        self.printed = 0
        self._cage, self._limits, self._output, self._stop = cage, limits, output, stop
        self._deadline = time.monotonic() + limits.timeout_seconds
        self._said = b""

    def run(self, program: Sequence[str], stdin: int) -> int | _Ending:
        """Run a program in a tree of its own; its exit code, or how it ended the stage.

        Nothing of the tree is alive when this returns. Raises SandboxError.
        """
        self._said = b""
        try:
            tree = self._cage.start(program, stdin)
        except OSError as error:
            raise SandboxError(f"the sandbox does not start: {error}") from error
        stream = tree.child.process.stdout
        assert stream is not None
        try:
            try:
                ending = self._watch(tree.child, stream.fileno())
                # Before the end, while what has gone over a limit may still be there to be seen.
                ending = ending or self._violation()
                began = tree.child.process.returncode is None or tree.began()
            finally:
                tree.end()
            # What the pipe still holds: nobody writes any more.
            if ending is None and self._read(stream.fileno(), _PIPE_CHUNKS) is None:
                ending = self.too_much_output()
        finally:
            stream.close()
        if ending is not None:
            return ending
        if not began:
            said = self._said.decode(errors="replace").strip() or "it said nothing"
            raise SandboxError(f"the sandbox does not start: {said}")
        return int(tree.child.process.returncode)

    def show(self, terminal: int) -> None:
        """Run a shell on a terminal until it ends, or the job is not wanted any more.

        Neither time nor output is bounded: a person is there. Raises SandboxError.
        """
        try:
            tree = self._cage.start(shell_program(self._cage.source), terminal)
        except OSError as error:
            raise SandboxError(f"the sandbox does not start: {error}") from error
        try:
            while tree.child.poll() is None and not self._stop():
                time.sleep(_TICK_SECONDS)
        finally:
            tree.end()
            assert tree.child.process.stdout is not None
            tree.child.process.stdout.close()

    def say(self, line: bytes) -> bool:
        """Put a line among what is printed; False when it was too much."""
        room = max(0, self._limits.output_bytes - self.printed)
        self.printed += len(line)
        if line[:room]:
            self._output(line[:room])
        return len(line) <= room

    def too_much_output(self) -> _Ending:
        return _Ending(OUTPUT_LIMIT, f"printed more than {self._limits.output_bytes} bytes")

    def _watch(self, child: Child, stream: int) -> _Ending | None:
        """Wait for the process; None when it has ended by itself."""
        os.set_blocking(stream, False)
        ended = os.pidfd_open(child.process.pid)
        next_look = 0.0
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(stream, selectors.EVENT_READ)
                selector.register(ended, selectors.EVENT_READ)
                while child.poll() is None:
                    now = time.monotonic()
                    if now >= next_look:
                        if over := self._violation():
                            return over
                        # A look at a busy machine's processes takes long: a fifth of the time.
                        took = time.monotonic() - now
                        next_look = now + took + max(_TICK_SECONDS, 4 * took)
                    selector.select(_TICK_SECONDS)
                    open_ = self._read(stream)
                    if open_ is None:
                        return self.too_much_output()
                    if not open_ and stream in selector.get_map():
                        selector.unregister(stream)
                    if now > self._deadline:
                        detail = f"ran longer than {self._limits.timeout_seconds:g} seconds"
                        return _Ending(TIME_LIMIT, detail)
                    if self._stop():
                        return _Ending("", "cancelled", cancelled=True)
        finally:
            os.close(ended)
        return None

    def _violation(self) -> _Ending | None:
        over = self._cage.violation()
        return _Ending(*over) if over else None

    def _read(self, stream: int, chunks: int = 1) -> bool | None:
        """Pass on what was printed; False at its end, None when it was too much.

        No more than `chunks`: who prints without end would have no deadline otherwise, where
        what takes the log is slower.
        """
        for _ in range(chunks):
            try:
                chunk = os.read(stream, _READ_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._said = (self._said + chunk)[-_SAID_BYTES:]
            if not self.say(chunk):
                return None
        return True
