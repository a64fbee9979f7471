"""The engine behind `dcanary.replica.api`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from dcanary.candid.principal import to_text
from dcanary.replica.api import (
    CanisterView,
    DataCertificate,
    HttpOutcall,
    Ingress,
    Reject,
    Reply,
    RequestState,
    RequestStatus,
    StateNotWritten,
)
from dcanary.replica.engine.admission import Admission
from dcanary.replica.engine.blobs import Blobs
from dcanary.replica.engine.checkpoints import Checkpoints
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.inputs import Input, Inputs
from dcanary.replica.engine.journal import Journal
from dcanary.replica.engine.management.services import check_http_result
from dcanary.replica.engine.options import Options, Patience
from dcanary.replica.engine.query_pool import QueryPool
from dcanary.replica.engine.rounds import Rounds
from dcanary.replica.engine.workers import Workers
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.principal import canister_id, default_range
from dcanary.replica.state.records import Result, Subnet
from dcanary.replica.vm.execution import Surroundings
from dcanary.replica.vm.runtime import Runtime


class ReplicaEngine:
    """Implements `dcanary.replica.api.Engine`. Made by `dcanary.replica.opening.open_engine`.

    Inputs are logged and applied one at a time (`_lock`). Queries and checks of messages need only
    the lock of the state, which is free while canister code runs. What the state tree shows (time,
    request states, canisters) is read without a lock.
    """

    def __init__(
        self,
        journal: Journal | None,
        seed: bytes,
        start_time_ns: int,
        cache_dir: Path | None,
        options: Options,
    ) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._canister_changes = 0
        self._options = options
        self._workers = Workers()
        self._queries: QueryPool[Reply | Reject] = QueryPool(self._workers)
        self.journal = journal
        try:
            self._open(seed, start_time_ns, cache_dir)
        except BaseException:
            if self.journal is not None:
                self.journal.close()
            self._workers.close()
            raise

    def _open(self, seed: bytes, start_time_ns: int, cache_dir: Path | None) -> None:
        options = self._options
        journal = self.journal
        self.runtime = Runtime(cache_dir, options.portable_memory)
        blobs = Blobs(journal.blobs_folder if journal else None)
        surroundings = Surroundings(options.subnet_id, options.root_key, options.costs)
        subnet = Subnet(seed, start_time_ns, charged=start_time_ns)
        core = Core(subnet, self.runtime, blobs, surroundings)
        if journal is not None:
            loaded = journal.load(core)
            if loaded is not None:
                core.load(loaded)
        self.core = core
        self._inputs = Inputs(core, options.natives)
        self._admission = Admission(
            core,
            self._inputs.management,
            self._inputs.natives,
            self._workers,
            options.max_ingress_payload,
        )
        self._rounds = Rounds(self._inputs.scheduler, core.runs, self._workers, self._append)
        self._checkpoints: Checkpoints | None = None
        if journal is not None:
            checkpoints = Checkpoints(
                journal, core, self._inputs.scheduler, options, self._log_and_apply
            )
            checkpoints.recover(lambda entry, notes: self._apply(entry, notes, None))
            journal.begin_appending(core)
            checkpoints.count(0.0)
            self._checkpoints = checkpoints
        core.changed_requests = set(core.subnet.results)

    # Access --------------------------------------------------------------------------------

    def _exclusively(self) -> threading.RLock:
        if self._closed:
            raise RuntimeError("the engine is closed")
        return self._lock

    def _append(self, entry: Input) -> None:
        if self.journal is not None:
            self.journal.append(entry)

    def _apply(self, entry: Input, notes: Sequence[Input], patience: Patience | None) -> Any:
        if entry[0] == "round":
            resumed = entry[2] if len(entry) > 2 else ()
            held = entry[3] if len(entry) > 3 else ()
            return self._rounds.run(entry[1], resumed, held, notes, patience)
        return self._inputs.apply(entry)

    def _log_and_apply(self, entry: Input, patience: Patience | None = None) -> Any:
        self._append(entry)
        return self._apply(entry, (), patience)

    def _input(self, entry: Input, patience: Patience | None = None) -> Any:
        """Log an input, then apply it. Called with `_lock`."""
        if self._closed:
            raise RuntimeError("the engine is closed")
        if entry[0] != "ingress":
            self._canister_changes += 1
        if self.journal is None:
            return self._apply(entry, (), patience)
        begun = time.monotonic()
        result = self._log_and_apply(entry, patience)
        if self._checkpoints is not None:
            self._checkpoints.count(time.monotonic() - begun)
        return result

    def _finish_runs(self) -> None:
        """Wait for runs that are beside and apply them."""
        if self.core.runs.beside:
            self.execute_round(self.subnet.now)

    def _apply_finished_runs(self) -> None:
        """Give runs beside a moment to finish, and apply those that have; begins nothing else."""
        runs = self.core.runs
        if runs.beside:
            runs.wait(self._options.closing_seconds)
            self._log_and_apply(["round", self.subnet.now, runs.finished(), None])

    @property
    def subnet(self) -> Subnet:
        """The state that is kept; whoever reads it between rounds must not change it."""
        return self.core.subnet

    # Time and rounds -----------------------------------------------------------------------

    def now(self) -> int:
        return self.core.subnet.now

    def set_time(self, time_ns: int) -> None:
        with self._exclusively():
            self._check_time(time_ns)
            self._input(["time", time_ns])

    def follow_clock(self, clock: Callable[[], int] | None) -> None:
        self.core.clock = self.now if clock is None else clock

    def _check_time(self, time_ns: int) -> None:
        if time_ns < self.subnet.now:
            raise ValueError(f"time cannot go back from {self.subnet.now} to {time_ns}")

    def execute_round(self, time_ns: int | None = None, *, wait: bool = True) -> bool:
        with self._exclusively():
            if time_ns is None:
                time_ns = self.subnet.now + 1
            self._check_time(time_ns)
            runs = self.core.runs
            if wait:
                runs.wait()
            entry: Input = ["round", time_ns]
            finished = runs.finished()
            held = self._checkpoints.held() if self._checkpoints is not None and not wait else []
            if held:
                entry += [finished, held]
            elif finished:
                entry.append(finished)
            return bool(self._input(entry, None if wait else self._options.patience))

    def has_work(self, time_ns: int) -> bool:
        with self._exclusively():
            return self._inputs.scheduler.has_work(time_ns)

    # Messages ------------------------------------------------------------------------------

    def start_inspection(self, message: Ingress) -> Future[Reject | None] | None:
        return self._admission.start_inspection(message)

    def submit(self, message: Ingress, *, inspected: bool = False) -> Reject | None:
        if message.request_id in self.core.subnet.results:
            return None
        try:
            target, inspects = self._admission.check(message)
            if inspects and not inspected:
                refused = self._workers.run(lambda: self._admission.inspect(message))
                if refused is not None:
                    return refused
            with self._lock:
                if message.request_id not in self.core.subnet.results:
                    self._input(self._inputs.ingress(message, target))
        except CallError as error:
            return error.reject()
        except StateNotWritten as error:
            # The message was neither recorded nor executed: the sender may try again.
            text = f"the network cannot record the message ({error}): make room on its disk"
            return CallError(ErrorCode.QUEUE_FULL, text).reject()
        return None

    def request_status(self, request_id: bytes) -> RequestStatus | None:
        found = self.subnet.results.get(request_id)
        return None if found is None else _status(found)

    def take_changed_requests(self) -> Collection[bytes]:
        core = self.core
        changed, core.changed_requests = core.changed_requests, set()
        return changed

    def query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Reply | Reject:
        return self.start_query(sender, canister_id, method, arg, data_certificate).result()

    def start_query(
        self,
        sender: bytes,
        canister_id: bytes,
        method: str,
        arg: bytes,
        data_certificate: DataCertificate | None = None,
    ) -> Future[Reply | Reject]:
        natives = self._inputs.natives
        queries = self._inputs.management.queries

        def work() -> Reply | Reject:
            if canister_id in natives:
                with self.core.runs.lock:
                    return natives.query(sender, canister_id, method, arg)
            return queries.query(sender, canister_id, method, arg, data_certificate)

        return self._queries.start(canister_id, work)

    def mark_certified(self) -> None:
        core = self.core
        if core.uncertified:
            with core.runs.lock:
                core.uncertified.clear()
                core.certified.notify_all()

    # Canisters -----------------------------------------------------------------------------

    def canister_changes(self) -> int:
        return self._canister_changes

    def canister_ids(self) -> Sequence[bytes]:
        return sorted([*self.subnet.canisters, *self._inputs.natives.ids])

    def canister(self, canister_id: bytes) -> CanisterView | None:
        found = self.subnet.canisters.get(canister_id)
        if found is None:
            return self._inputs.natives.view(canister_id)
        body = self.core.bodies.get(canister_id)
        module = body.module if body else None
        return CanisterView(
            canister_id=canister_id,
            module_hash=found.module or None,
            controllers=list(found.settings.controllers),
            certified_data=found.certified_data,
            public_metadata=module.public_metadata if module else {},
            private_metadata=module.private_metadata if module else {},
        )

    def canister_ranges(self) -> Sequence[tuple[bytes, bytes]]:
        first, last = default_range()
        natives = sorted(self._inputs.natives.ids)
        return [*((one, one) for one in natives), (canister_id(first), canister_id(last))]

    def cycles(self, canister_id: bytes) -> int:
        with self._exclusively():
            return self.subnet.canisters[canister_id].balance

    def add_cycles(self, canister_id: bytes, amount: int) -> int:
        with self._exclusively():
            self._require(canister_id)
            if amount < 0:
                raise ValueError(f"cannot add {amount} cycles")
            return int(self._input(["add_cycles", canister_id, amount]))

    def _require(self, canister_id: bytes) -> None:
        if canister_id not in self.subnet.canisters:
            raise KeyError(f"canister {to_text(canister_id)} not found")

    def stable_memory(self, canister_id: bytes) -> bytes:
        with self._exclusively():
            self._require(canister_id)
            body = self.core.bodies.get(canister_id)
            if body is None:
                return b""
            with self.core.runs.lock:
                snapshot = body.stable.snapshot()
            try:
                return snapshot.read(0, snapshot.size)
            finally:
                snapshot.close()

    def set_stable_memory(self, canister_id: bytes, content: bytes) -> None:
        with self._exclusively():
            self._require(canister_id)
            if canister_id not in self.core.bodies:
                raise ValueError(f"canister {to_text(canister_id)} has no module installed")
            if canister_id in self.core.runs.beside:
                self._finish_runs()
            self._input(["set_stable", canister_id, content])

    # HTTPS outcalls ------------------------------------------------------------------------

    def http_outcalls(self) -> Sequence[HttpOutcall]:
        with self._exclusively():
            return [
                HttpOutcall(
                    request_id=item.id,
                    method=item.method,
                    url=item.url,
                    headers=[(name, value) for name, value in item.headers],
                    body=item.body,
                    max_response_bytes=item.max_response_bytes,
                )
                for item in self.subnet.outcalls.values()
            ]

    def answer_http_outcall(self, request_id: int, answer: Reply | Reject) -> None:
        with self._exclusively():
            if request_id not in self.subnet.outcalls:
                raise KeyError(f"no pending HTTPS outcall {request_id}")
            if isinstance(answer, Reply):
                check_http_result(answer.data)
            self._input(self._inputs.answer(request_id, answer))

    # Life ----------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        with self._exclusively():
            self._finish_runs()
            if self._checkpoints is not None:
                self._checkpoints.write()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                if self._checkpoints is not None:
                    self._apply_finished_runs()
                    # With runs beside there is none: the log begins them again at the next start.
                    self._checkpoints.write()
            finally:
                self._closed = True
                if self.core.runs.beside or self._queries.busy or self._admission.busy:
                    self.runtime.compiler.close()
                    self.runtime.interrupt()
                self.core.runs.abandon()
                self._workers.close()
                self._release()
                if self.journal is not None:
                    self.journal.close()

    def _release(self) -> None:
        for body in self.core.bodies.values():
            body.close()
        self.runtime.close()


def _status(result: Result) -> RequestStatus:
    answer: Reply | Reject | None = None
    if result.state == "replied":
        answer = Reply(result.reply or b"")
    elif result.state == "rejected":
        answer = Reject(result.reject_code, result.message, result.error_code)
    return RequestStatus(RequestState(result.state), answer, result.sender, result.effective)
