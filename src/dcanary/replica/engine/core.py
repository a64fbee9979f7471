"""What all parts of the engine share: the state, the runtime and small services over them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from dcanary.candid.principal import to_text
from dcanary.replica.api import Reject, Reply
from dcanary.replica.engine.blobs import Blobs
from dcanary.replica.engine.deadlines import Deadlines
from dcanary.replica.engine.runs import Runs
from dcanary.replica.state import limits
from dcanary.replica.state.costs import CostTable
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import (
    CALL,
    INGRESS,
    RUNNING,
    STOPPING,
    Caller,
    Canister,
    Change,
    LogRecord,
    Response,
    Settings,
    Status,
    Subnet,
)
from dcanary.replica.vm.body import Body
from dcanary.replica.vm.execution import Surroundings
from dcanary.replica.vm.runtime import Runtime
from dcanary.replica.wasm.compiler import CompiledModule

_NOTHING_KNOWN = (-1, None, 0)


class Core:
    """Access to the state of the subnet."""

    def __init__(
        self, subnet: Subnet, runtime: Runtime, blobs: Blobs, surroundings: Surroundings
    ) -> None:
        self.subnet = subnet
        self.runtime = runtime
        self.blobs = blobs
        self.runs = Runs()
        """Guards all of this: see `Runs.lock`."""
        self.surroundings = surroundings
        self.costs: CostTable = surroundings.costs
        self.bodies: dict[bytes, Body] = {}
        """Canister id -> module, memories and instance. A canister without a module and without
        stable memory has none."""
        self._thresholds: dict[bytes, tuple[int, Settings | None, int]] = {}
        """Memory usage, settings (which are never changed in place) and what `threshold` computed
        from them last: it is asked for with each message."""
        self.uncertified: set[bytes] = set()
        """Canisters whose certified data changed since the last `mark_certified`."""
        self.changed_requests: set[bytes] = set()
        """Ingress messages whose result changed or was forgotten since the state tree's last look.
        """
        self.certified = threading.Condition(self.runs.lock)
        self.timers: set[bytes] = set()
        """Canisters whose global timer is set."""
        self.heartbeats: set[bytes] = set()
        """Canisters that export a heartbeat."""
        self.stopping: set[bytes] = set()
        """Canisters with unanswered stop requests."""
        self.deadlines = Deadlines()
        """Of the open bounded-wait calls."""
        self.clock: Callable[[], int] = lambda: self.subnet.now
        """The present time for what is not replicated, in nanoseconds since the Unix epoch."""

    def load(self, subnet: Subnet) -> None:
        """Take over a state from the storage, with what is computed from it."""
        self.subnet = subnet
        for canister in subnet.canisters.values():
            self.deposit(canister, 0)  # versions before 0.2.0 let a balance grow without bound
            self.index(canister)
            for callback in canister.callbacks.values():
                if callback.deadline:
                    self.deadlines.add(callback.deadline, canister.id, callback.id)

    # Canisters -----------------------------------------------------------------------------

    def canister(self, canister_id: bytes) -> Canister:
        """Raises `CallError` when there is none."""
        found = self.subnet.canisters.get(canister_id)
        if found is None:
            raise CallError(
                ErrorCode.CANISTER_NOT_FOUND, f"Canister {to_text(canister_id)} not found"
            )
        return found

    def body(self, canister: Canister) -> Body:
        """The canister's executable part. Raises `CallError` without a module."""
        body = self.bodies.get(canister.id)
        if body is None or body.module is None:
            raise CallError(
                ErrorCode.NO_WASM_MODULE,
                f"Error from Canister {to_text(canister.id)}: Attempted to execute a message, but "
                "the canister contains no Wasm module.",
            )
        return body

    def callee(self, canister_id: bytes) -> tuple[Canister, Body]:
        """A canister that accepts calls, and its executable part. Raises `CallError`."""
        canister = self.subnet.canisters.get(canister_id)
        body = self.bodies.get(canister_id)
        if canister and body and canister.status is RUNNING and body.module:
            return canister, body
        canister = self.canister(canister_id)
        self.check_running(canister)
        return canister, self.body(canister)

    def put_body(self, canister: Canister, body: Body) -> None:
        """Make `body` the canister's; the one before is released."""
        self.drop_body(canister)
        self.bodies[canister.id] = body

    def drop_body(self, canister: Canister) -> None:
        """Release the canister's module and memories, if it has any."""
        old = self.bodies.pop(canister.id, None)
        if old is not None:
            old.close()

    def compile(self, canister: Canister, wasm: bytes) -> CompiledModule:
        """Compile a module for a canister, which others need not wait for.

        Raises `InvalidWasm`, `CallError`.
        """
        run = self.runs.begin(canister.id)
        try:
            return self.runtime.compiler.module(wasm)
        finally:
            self.runs.end(run)

    def index(self, canister: Canister) -> None:
        """Bring the sets of timers, heartbeats and stops up to date for one canister."""
        body = self.bodies.get(canister.id)
        module = body.module if body else None
        if canister.timer:
            self.timers.add(canister.id)
        else:
            self.timers.discard(canister.id)
        if module is not None and module.exports("canister_heartbeat"):
            self.heartbeats.add(canister.id)
        else:
            self.heartbeats.discard(canister.id)
        if canister.stops:
            self.stopping.add(canister.id)
        else:
            self.stopping.discard(canister.id)

    def check_running(self, canister: Canister) -> None:
        """Raises `CallError` when new calls are not accepted."""
        if canister.status is Status.STOPPED:
            raise CallError(ErrorCode.STOPPED, f"Canister {to_text(canister.id)} is stopped")
        if canister.status is STOPPING:
            raise CallError(ErrorCode.STOPPING, f"Canister {to_text(canister.id)} is stopping")

    # Resources -----------------------------------------------------------------------------

    def memory_usage(self, canister: Canister) -> int:
        """Bytes the canister is charged for."""
        body = self.bodies.get(canister.id)
        total = 0
        if body is not None:
            total = body.memory.committed_size + body.stable.committed_size + body.module_size
        if canister.chunks or canister.snapshots:
            total += sum(canister.chunks.values())
            total += sum(snapshot.size for snapshot in canister.snapshots.values())
        return total

    def charged_memory(self, canister: Canister) -> int:
        return max(self.memory_usage(canister), canister.settings.memory_allocation)

    def idle_per_day(self, canister: Canister) -> int:
        """Cycles an idle canister burns in a day."""
        return self.costs.idle(
            self.charged_memory(canister),
            canister.settings.compute_allocation,
            86_400 * limits.SECOND,
        )

    def threshold(self, canister: Canister) -> int:
        """Freezing threshold in cycles."""
        usage, settings = self.memory_usage(canister), canister.settings
        known_usage, known_settings, burned = self._thresholds.get(canister.id, _NOTHING_KNOWN)
        if usage != known_usage or settings is not known_settings:
            burned = self.idle_per_day(canister) * settings.freezing_threshold // 86_400
            self._thresholds[canister.id] = usage, settings, burned
        left = burned - canister.reserved
        return left if left > 0 else 0

    def deposit(self, canister: Canister, cycles: int) -> None:
        """Give cycles. Beyond `MAX_CYCLES` they are lost, as on the Internet Computer: a canister
        whose balance does not fit the System API could not run any more."""
        balance = canister.balance + cycles
        canister.balance = balance if balance < limits.MAX_CYCLES else limits.MAX_CYCLES

    def consume(self, canister: Canister, cycles: int) -> None:
        """Take cycles away, at most all there are."""
        balance = canister.balance
        taken = cycles if cycles < balance else balance
        canister.balance -= taken
        canister.consumed += taken

    def require(self, canister: Canister, cycles: int) -> int:
        """Raises `CallError` when the canister cannot pay without going below its freezing
        threshold, which is returned."""
        threshold = self.threshold(canister)
        if canister.balance - threshold < cycles:
            missing = cycles + threshold - canister.balance
            raise CallError(
                ErrorCode.OUT_OF_CYCLES,
                f"Canister {to_text(canister.id)} is out of cycles: please top up the canister "
                f"with at least {missing} additional cycles",
            )
        return threshold

    # Records -------------------------------------------------------------------------------

    def log(self, canister: Canister, content: bytes) -> None:
        """Append to the canister's log, dropping the oldest records beyond the limit."""
        content = content[: limits.MAX_LOG_BYTES - 64]
        canister.logs.append(LogRecord(canister.log_counter, self.subnet.now, content))
        canister.log_counter += 1
        total = sum(len(record.content) + 16 for record in canister.logs)
        while total > limits.MAX_LOG_BYTES:
            total -= len(canister.logs.pop(0).content) + 16

    def record(self, canister: Canister, change: Change) -> None:
        """Append to the canister's history."""
        canister.history.append(change)
        canister.history_total += 1
        if len(canister.history) > limits.MAX_HISTORY:
            del canister.history[0]

    def random(self, purpose: bytes) -> bytes:
        """32 bytes that follow from the seed and the inputs so far."""
        self.subnet.random_counter += 1
        counter = self.subnet.random_counter.to_bytes(8, "big")
        return hashlib.sha256(self.subnet.seed + counter + purpose).digest()

    # Answers -------------------------------------------------------------------------------

    def show_processing(self, caller: Caller) -> None:
        """Show an ingress message as being executed."""
        if caller.origin is INGRESS:
            result = self.subnet.results.get(caller.request_id)
            if result is not None:
                result.state = "processing"
                self.changed_requests.add(caller.request_id)

    def respond(self, caller: Caller, answer: Reply | Reject, refund: int) -> None:
        """Send an answer to where the call came from."""
        if isinstance(answer, Reply):
            self.reply(caller, answer.data, refund)
        else:
            self.reject(caller, answer, refund)

    def reply(self, caller: Caller, data: bytes, refund: int) -> None:
        """Send what a call returned to where it came from."""
        origin = caller.origin
        if origin is INGRESS:
            request_id = caller.request_id
            result = self.subnet.results.get(request_id)
            if result is not None:
                self.changed_requests.add(request_id)
                result.reply = data
                result.state = "replied"  # last: other threads look at the state first
        elif origin is CALL:
            self.subnet.queue.append(Response(caller.principal, caller.callback, refund, data))

    def reject(self, caller: Caller, answer: Reject, refund: int) -> None:
        """Send why a call failed to where it came from."""
        origin = caller.origin
        if origin is INGRESS:
            result = self.subnet.results.get(caller.request_id)
            if result is not None:
                self.changed_requests.add(caller.request_id)
                result.reject_code, result.message = answer.code, answer.message
                result.error_code = answer.error_code
                result.state = "rejected"  # last, as above
        elif origin is CALL:
            self.subnet.queue.append(
                Response(
                    caller.principal,
                    caller.callback,
                    refund,
                    reject_code=answer.code,
                    message=answer.message,
                    error_code=answer.error_code,
                )
            )
