"""Runs one job to its end: reads its pipes, watches its limits, kills all of it."""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dcanary.executor.sandbox import launcher
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

_TICK_SECONDS = 0.05
_READ_BYTES = 64 * 1024
_SHOWN_COMMAND_CHARS = 80


class Cage(Protocol):
    """One kind of confinement around one job."""

    peak_memory_bytes: int

    def argv(self) -> Sequence[str]: ...

    def environment(self) -> Mapping[str, str]: ...

    def pass_fds(self) -> tuple[int, ...]: ...

    def started(self, process: "subprocess.Popen[bytes]") -> None: ...

    def violation(self) -> tuple[str, str] | None:
        """(reason, sentence) of a limit that the job has gone over."""
        ...

    def settle(self) -> None:
        """End what the commands have left running, so that the files stand still."""
        ...

    def open_source(self) -> int:
        """A descriptor of the folder that the commands ran in; the caller closes it."""
        ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class _Ending:
    reason: str
    detail: str = ""
    cancelled: bool = False


def supervise(
    cage: Cage, plan: Plan, limits: Limits, output: Output, stop: Stop, collect: Collect
) -> StageResult:
    """Run a plan in a cage. Raises SandboxError when the cage does not come up."""
    started = time.monotonic_ns()
    try:
        with plan.source.open("rb") as source:
            process = subprocess.Popen(
                list(cage.argv()),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(cage.environment()),
                cwd="/",
                pass_fds=cage.pass_fds(),
                start_new_session=True,
            )
    except OSError as error:
        cage.close()
        raise SandboxError(f"the sandbox does not start: {error}") from error
    watch = _Watch(cage, process, plan, limits, output, stop)
    try:
        ending = watch.run()
        if not ending.reason and not ending.cancelled:
            ending = _collect(cage, collect)
    finally:
        cage.kill()
        process.wait()
        watch.close()
        cage.close()
    return StageResult(
        reason=ending.reason,
        detail=ending.detail,
        wall_ns=time.monotonic_ns() - started,
        peak_memory_bytes=cage.peak_memory_bytes,
        output_bytes=watch.printed,
        cancelled=ending.cancelled,
    )


def _collect(cage: Cage, collect: Collect) -> _Ending:
    cage.settle()
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


class _Watch:
    """The loop over a job's two pipes and its limits."""

    def __init__(
        self,
        cage: Cage,
        process: "subprocess.Popen[bytes]",
        plan: Plan,
        limits: Limits,
        output: Output,
        stop: Stop,
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.printed = 0
        self._cage, self._process, self._plan, self._limits = cage, process, plan, limits
        self._output, self._stop = output, stop
        self._status, self._log = process.stdout, process.stderr
        self._words = b""
        self._ready = False
        self._before_ready = b""
        self._deadline = time.monotonic() + limits.timeout_seconds
        self._selector = selectors.DefaultSelector()
        for stream in (self._status, self._log):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    def run(self) -> _Ending:
        self._cage.started(self._process)
        next_look = 0.0
        while True:
            self._selector.select(_TICK_SECONDS)
            ending = self._read_status()
            if not self._read_log():
                detail = f"printed more than {self._limits.output_bytes} bytes"
                return _Ending(OUTPUT_LIMIT, detail)
            now = time.monotonic()
            if ending is not None or now >= next_look:
                over = self._cage.violation()
                if over is not None:
                    return _Ending(*over)
                next_look = now + _TICK_SECONDS
            if ending is not None:
                return ending
            if now > self._deadline:
                detail = f"ran longer than {self._limits.timeout_seconds:g} seconds"
                return _Ending(TIME_LIMIT, detail)
            if self._stop():
                return _Ending("", "cancelled", cancelled=True)
            if self._process.poll() is not None:
                return self._ended()

    def close(self) -> None:
        self._selector.close()
        self._status.close()
        self._log.close()

    def _read_log(self) -> bool:
        """Pass on what was printed; False when it was too much."""
        while True:
            chunk = _read(self._log.fileno())
            if not chunk:
                return True
            if not self._ready:
                self._before_ready = (self._before_ready + chunk)[-2000:]
            room = max(0, self._limits.output_bytes - self.printed)
            self.printed += len(chunk)
            if chunk[:room]:
                self._output(chunk[:room])
            if len(chunk) > room:
                return False

    def _read_status(self) -> _Ending | None:
        self._words = (self._words + _read(self._status.fileno()))[:_READ_BYTES]
        while b"\n" in self._words:
            line, _, self._words = self._words.partition(b"\n")
            words = line.decode("ascii", "replace").split()
            if words[:1] == [launcher.READY]:
                self._ready = True
            elif words[:1] == [launcher.DONE]:
                return _Ending("")
            elif words[:1] == [launcher.UNPACK]:
                return _Ending(COMMAND, "the source could not be unpacked")
            elif words[:1] == [launcher.FAILED] and all(word.isdigit() for word in words[1:]):
                return self._failed(*(int(word) for word in words[1:3]))
        return None

    def _failed(self, number: int = 0, code: int = 0) -> _Ending:
        commands = self._plan.commands
        shown = commands[number - 1] if 1 <= number <= len(commands) else "?"
        if len(shown) > _SHOWN_COMMAND_CHARS:
            shown = shown[:_SHOWN_COMMAND_CHARS] + "…"
        how = f"was killed by signal {code - 128}" if code > 128 else f"ended with exit code {code}"
        return _Ending(COMMAND, f"command {number} of {len(commands)} {how}: {shown}")

    def _ended(self) -> _Ending:
        ending = self._read_status()
        self._read_log()
        if not self._ready:
            said = self._before_ready.decode(errors="replace").strip() or "it said nothing"
            raise SandboxError(f"the sandbox does not start: {said}")
        over = self._cage.violation()
        if over is not None:
            return _Ending(*over)
        return ending or _Ending(COMMAND, "the stage's processes were killed")


def _read(descriptor: int) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, _READ_BYTES)
    return b""
