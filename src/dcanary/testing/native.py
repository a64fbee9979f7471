"""Run canisters natively: their real sources, in this process, in milliseconds.

`NativeNetwork` gives each canister the guest package `kybra` and an in-process System API. Calls
between canisters are messages with commit points: a message that traps is undone (stable memory
exactly; the heap as `_heap` describes), the caller gets reject code 5. What a canister costs in
instructions, and what Wasm forbids, shows only on a replica.

    network = NativeNetwork()
    counter = network.install(Path("canisters/counter/main.py"), (0,))
    assert counter.update("increment", 2) == 2
"""

from __future__ import annotations

import importlib
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcanary.testing._heap import HeapSnapshot
from dcanary.testing._isolation import IsolatedModules, principal_module
from dcanary.testing._system import Execution, OutgoingCall, StableMemory, System, TrapSignal

if TYPE_CHECKING:
    from dcanary.wasm.guest.kybra._principal import Principal as Principal
else:
    Principal = principal_module().Principal

DEFAULT_TIME_NS = 1_700_000_000_000_000_000
DEFAULT_CYCLES = 100_000_000_000_000
MANAGEMENT = b""
ANONYMOUS = Principal(b"\x04")
_SECOND = 1_000_000_000
_MAX_STEPS = 100_000


class CanisterReject(Exception):
    """The call was rejected: `code` (1 to 5) and `message` as on the Internet Computer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"reject code {code}: {message}")
        self.code = code
        self.message = message


class CanisterTrap(CanisterReject):
    """The called canister trapped; `message` is the trap's text."""

    def __init__(self, message: str) -> None:
        super().__init__(5, message)


@dataclass
class ManagementCall:
    """A call of a canister to the management canister, as a handler gets it."""

    caller: Principal
    method: str
    raw: bytes
    """The argument as Candid bytes."""
    args: tuple[Any, ...] | None
    """The argument decoded, for methods that `kybra.canisters.management` describes."""
    cycles: int
    canister: NativeCanister
    """The calling canister; its `decode` and `encode` read and write by its own types."""


@dataclass
class _Context:
    """A call that waits for its answer."""

    canister: NativeCanister
    kind: str
    method: str
    caller: bytes
    cycles: int
    origin: _Origin | None
    answered: bool = False
    open_calls: int = 0
    outcome: bytes | CanisterReject | None = None


@dataclass
class _Origin:
    """Where the answer goes: a continuation of a canister."""

    context: _Context
    token: int


@dataclass
class _Request:
    context: _Context
    arg: bytes


@dataclass
class _Response:
    origin: _Origin
    outcome: bytes | CanisterReject
    refund: int


_Message = _Request | _Response


@dataclass
class _QuerySession:
    """Canisters that a query touched, with what to put back when it is over."""

    saved: dict[int, tuple[NativeCanister, HeapSnapshot, Any]] = field(default_factory=dict)


class Pending:
    """An update that was submitted; `network.step()` or `network.run()` make it go on."""

    def __init__(self, network: NativeNetwork, context: _Context) -> None:
        self._network = network
        self._context = context

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self._context.outcome is not None

    def result(self) -> Any:
        """Run the network until the answer is there; raises CanisterReject or CanisterTrap."""
        while not self.done and self._network.step():
            pass
        outcome = self._context.outcome
        if outcome is None:
            raise AssertionError(f"{self._context.method} waits for an answer that cannot come")
        if isinstance(outcome, CanisterReject):
            raise outcome
        return self._context.canister._decode(self._context.method, outcome)


class NativeNetwork:
    """Canisters that can call each other, one clock, and a management canister made of handlers.

    `management` maps method names to functions of a ManagementCall; they return the result as a
    Python value (for methods that `kybra.canisters.management` describes) or as Candid bytes, or
    raise CanisterReject. `raw_rand` is there from the start (deterministic); everything else
    answers with a reject until a test registers it.
    """

    def __init__(self, time_ns: int = DEFAULT_TIME_NS) -> None:
        self.time_ns = time_ns
        self.canisters: dict[bytes, NativeCanister] = {}
        self.management: dict[str, Callable[[ManagementCall], Any]] = {"raw_rand": self._raw_rand}
        self._queue: deque[_Message] = deque()
        self._random_calls = 0
        self._next_id = 0

    def install(
        self,
        main: Path,
        arg: bytes | Sequence[Any] = (),
        *,
        caller: PrincipalLike = ANONYMOUS,
        cycles: int = DEFAULT_CYCLES,
        canister_id: PrincipalLike | None = None,
    ) -> NativeCanister:
        """Load the canister whose main module is `main` and run its init.

        `arg` is Candid bytes or the init arguments as Python values; `caller` becomes the
        controller. Raises CanisterTrap when init traps, what the sources raise when they do not
        load (`kybra.LoadError` for what is not supported).
        """
        chosen = self._new_id() if canister_id is None else as_principal(canister_id)
        if chosen.bytes in self.canisters:
            raise ValueError(f"there is already a canister {chosen}; upgrade or reinstall it")
        canister = NativeCanister(self, chosen, cycles, as_principal(caller))
        canister._load(main)
        data = canister._lifecycle_arg("init", arg)
        execution = Execution("init", as_principal(caller).bytes, data)
        canister._lifecycle("canister_init", execution)
        self.canisters[chosen.bytes] = canister
        return canister

    def _new_id(self) -> Principal:
        while True:
            candidate = Principal(self._next_id.to_bytes(8, "big") + b"\x01\x01")
            self._next_id += 1
            if candidate.bytes not in self.canisters:
                return candidate

    def advance(self, seconds: float) -> None:
        """Move the clock; timers that come due on the way run at their time, oldest first."""
        target = self.time_ns + round(seconds * _SECOND)
        while True:
            due = [c for c in self.canisters.values() if 0 < c.timer_ns <= target]
            if not due:
                break
            canister = min(due, key=lambda each: (each.timer_ns, each.id.bytes))
            self.time_ns = max(self.time_ns, canister.timer_ns)
            canister._fire_timer()
            self.run()
        self.time_ns = target

    def tick(self) -> None:
        """Run due timers and one round of heartbeats."""
        self.advance(0)
        for canister in list(self.canisters.values()):
            canister._heartbeat()
        self.run()

    def step(self) -> bool:
        """Process one message; False when there is none."""
        if not self._queue:
            return False
        self._process(self._queue.popleft(), self._queue, None)
        return True

    def run(self) -> None:
        """Process messages until there are none."""
        for _ in range(_MAX_STEPS):
            if not self.step():
                return
        raise AssertionError(f"the canisters still send messages after {_MAX_STEPS} of them")

    def _process(
        self, message: _Message, queue: deque[_Message], session: _QuerySession | None
    ) -> None:
        if isinstance(message, _Request):
            context = message.context
            execution = Execution(
                context.kind,
                context.caller,
                message.arg,
                context.method,
                cycles_available=context.cycles,
                can_reply=True,
                can_call=context.kind != "query",
            )
            export = f"canister_{context.kind} {context.method}"
            context.canister._execute(execution, export, context, queue, session)
            return
        origin = message.origin
        context = origin.context
        context.open_calls -= 1
        context.canister.cycles += message.refund
        outcome = message.outcome
        rejected = isinstance(outcome, CanisterReject)
        execution = Execution(
            "reject" if rejected else "reply",
            context.caller,
            outcome if isinstance(outcome, bytes) else b"",
            reject_code=outcome.code if isinstance(outcome, CanisterReject) else 0,
            reject_message=outcome.message if isinstance(outcome, CanisterReject) else "",
            cycles_available=context.cycles,
            cycles_refunded=message.refund,
            can_reply=context.kind in ("update", "query", "composite_query"),
            replied=context.answered,
            can_call=True,
        )
        context.canister._resume(execution, origin.token, context, queue, session)

    def _send(
        self,
        context: _Context,
        call: OutgoingCall,
        queue: deque[_Message],
        session: _QuerySession | None,
    ) -> None:
        """Route a committed call."""
        origin = _Origin(context, call.token) if call.token else None
        if origin is not None:
            context.open_calls += 1
        if call.callee == MANAGEMENT:
            outcome, refund = self._manage(context.canister, call)
        else:
            found = self._open_context(context, call, origin, session)
            if isinstance(found, _Context):
                queue.append(_Request(found, call.arg))
                return
            outcome, refund = found, call.cycles
        if origin is not None:
            queue.append(_Response(origin, outcome, refund))
        else:
            context.canister.cycles += refund

    def _open_context(
        self,
        context: _Context,
        call: OutgoingCall,
        origin: _Origin | None,
        session: _QuerySession | None,
    ) -> _Context | CanisterReject:
        callee = self.canisters.get(call.callee)
        if callee is None:
            return CanisterReject(3, f"IC0301: Canister {Principal(call.callee)} not found")
        kinds = ("query", "composite_query") if session is not None else ("update", "query")
        for kind in kinds:
            if f"canister_{kind} {call.method}" in callee.exports:
                caller = context.canister.id.bytes
                return _Context(callee, kind, call.method, caller, call.cycles, origin)
        return CanisterReject(
            5,
            f"IC0536: Error from Canister {callee.id}: Canister has no "
            f"{'query' if session is not None else 'update'} method '{call.method}'",
        )

    def _manage(
        self, canister: NativeCanister, call: OutgoingCall
    ) -> tuple[bytes | CanisterReject, int]:
        handler = self.management.get(call.method)
        if handler is None:
            return CanisterReject(
                3,
                f"the native network has no handler for the management method {call.method!r}: set "
                f"network.management[{call.method!r}]",
            ), call.cycles
        args, encode = canister._management_types(call.method, call.arg)
        described = ManagementCall(canister.id, call.method, call.arg, args, call.cycles, canister)
        try:
            answer = handler(described)
        except CanisterReject as reject:
            return reject, call.cycles
        if encode is not None:
            return encode(answer), 0
        if not isinstance(answer, bytes):
            raise TypeError(f"the handler of {call.method} must return Candid bytes")
        return answer, 0

    def _raw_rand(self, call: ManagementCall) -> bytes:
        self._random_calls += 1
        return self._random_calls.to_bytes(32, "big")

    def _answer(
        self, context: _Context, outcome: bytes | CanisterReject, queue: deque[_Message]
    ) -> None:
        context.answered = True
        context.outcome = outcome
        refund, context.cycles = context.cycles, 0
        if context.origin is not None:
            queue.append(_Response(context.origin, _as_seen_by_caller(context, outcome), refund))


class NativeCanister:
    """An installed canister. Made by `NativeNetwork.install`."""

    def __init__(
        self, network: NativeNetwork, id: Principal, cycles: int, controller: Principal
    ) -> None:
        self.network = network
        self.id = id
        self.cycles = cycles
        self.controllers = [controller]
        self.stable = StableMemory()
        self.certified_data = b""
        self.certificate: bytes | None = b"certificate of the native network"
        """What `ic.data_certificate()` gives in queries."""
        self.timer_ns = 0
        self.version = 1
        self.printed: list[str] = []
        """The lines of `ic.print`."""
        self.traps: list[str] = []
        """The texts of all traps, also of those nobody waited for (timers, notifications)."""
        self.seeds: list[bytes] = []
        """What the random generators were seeded with, after each raw_rand."""
        self.exports: dict[str, int] = {}
        self.did = ""
        self._system: System
        self._modules: IsolatedModules
        self._entry: Any = None
        self._runtime: Any = None

    def update(self, method: str, *args: Any, caller: PrincipalLike = ANONYMOUS) -> Any:
        """Call an update method (or a query, replicated) and run the network until it answers.

        Arguments and result are Python values of the method's own types. Raises CanisterTrap,
        CanisterReject; TypeError or kybra's CandidError for arguments that do not fit.
        """
        return self.submit(method, *args, caller=caller).result()

    def submit(self, method: str, *args: Any, caller: PrincipalLike = ANONYMOUS) -> Pending:
        """Put an update into the queue without running it, to act in the middle of a flow."""
        return self.submit_raw(method, self._encode(method, args), caller=caller)

    def submit_raw(self, method: str, arg: bytes, *, caller: PrincipalLike = ANONYMOUS) -> Pending:
        """As `submit`, with the argument as Candid bytes."""
        kind = self._kind_of(method, ("update", "query"))
        sender = as_principal(caller).bytes
        self._inspect(method, arg, sender)
        context = _Context(self, kind, method, sender, 0, None)
        self.network._queue.append(_Request(context, arg))
        return Pending(self.network, context)

    def query(self, method: str, *args: Any, caller: PrincipalLike = ANONYMOUS) -> Any:
        """Call a query or composite query; whatever it changes is undone."""
        return self._decode(method, self.query_raw(method, self._encode(method, args), caller))

    def query_raw(self, method: str, arg: bytes, caller: PrincipalLike = ANONYMOUS) -> bytes:
        """As `query`, with argument and result as Candid bytes."""
        kind = self._kind_of(method, ("query", "composite_query"))
        context = _Context(self, kind, method, as_principal(caller).bytes, 0, None)
        session = _QuerySession()
        queue: deque[_Message] = deque([_Request(context, arg)])
        try:
            while queue:
                self.network._process(queue.popleft(), queue, session)
        finally:
            for canister, heap, runtime in session.saved.values():
                canister._put_back(heap, runtime)
        if isinstance(context.outcome, CanisterReject):
            raise context.outcome
        assert context.outcome is not None
        return context.outcome

    def http_query(self, request: dict[str, Any], caller: PrincipalLike = ANONYMOUS) -> Any:
        """`http_request` with a record of method, url, headers, body (missing ones are empty)."""
        return self.query("http_request", _http_record(request), caller=caller)

    def http_update(self, request: dict[str, Any], caller: PrincipalLike = ANONYMOUS) -> Any:
        """`http_request_update`, what the gateway calls when the query answered `upgrade`."""
        return self.update("http_request_update", _http_record(request), caller=caller)

    def http(
        self, method: str, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Any:
        """What an HTTP client behind the gateway gets: the query's answer, or the update's."""
        request = {"method": method, "url": url, "headers": list(headers), "body": body}
        answer = self.http_query(request)
        return self.http_update(request) if answer.get("upgrade") else answer

    def upgrade(
        self,
        main: Path | None = None,
        arg: bytes | Sequence[Any] = (),
        *,
        caller: PrincipalLike | None = None,
    ) -> None:
        """Install new (or the same) sources over the old, keeping stable memory.

        Raises CanisterTrap when pre_upgrade or post_upgrade traps; then all is as before.
        """
        sender = self.controllers[0] if caller is None else as_principal(caller)
        before = self._instance_state()
        heap, (runtime, *_) = self._snapshot()
        stable = bytes(self.stable.data)
        source = self._main if main is None else main
        try:
            if "canister_pre_upgrade" in self.exports:
                self._lifecycle("canister_pre_upgrade", Execution("pre_upgrade", sender.bytes))
            self._load(source)
            self.timer_ns = 0
            data = self._lifecycle_arg("post_upgrade", arg)
            execution = Execution("post_upgrade", sender.bytes, data)
            self._lifecycle("canister_post_upgrade", execution)
        except BaseException:
            self.__dict__.update(before)
            heap.restore()
            self._runtime.restore(runtime)
            self.stable.data[:] = stable
            raise
        self.version += 1

    def reinstall(self, main: Path | None = None, arg: bytes | Sequence[Any] = ()) -> None:
        """Install from nothing: empty stable memory, init runs."""
        self._load(self._main if main is None else main)
        self.stable = StableMemory()
        self.timer_ns = 0
        self.certified_data = b""
        execution = Execution("init", self.controllers[0].bytes, self._lifecycle_arg("init", arg))
        self._lifecycle("canister_init", execution)
        self.version += 1

    def module(self, name: str) -> Any:
        """A loaded module of the canister (to look at, not to call functions that use ic)."""
        return self._modules.load(name)

    def encode(self, annotation: Any, value: Any) -> bytes:
        """Candid bytes of one value of a type of this canister (`canister.module("shared").T`)."""
        return bytes(self._codec("ArgsEncoder", annotation)([value]))

    def decode(self, annotation: Any, data: bytes) -> Any:
        """The value in Candid bytes, read as a type of this canister."""
        return self._codec("ArgsDecoder", annotation)(data)[0]

    def _codec(self, name: str, annotation: Any) -> Any:
        node = self._guest("_annotations").to_type(annotation, vars(self._modules.load("kybra")))
        module = self._guest("_encode" if name == "ArgsEncoder" else "_decode")
        return getattr(module, name)([node])

    def _guest(self, name: str) -> Any:
        return self._modules.load(f"kybra.{name}")

    def _load(self, main: Path) -> None:
        system = System(self)
        modules = IsolatedModules(main, system)
        with modules.active(loading=True):
            entry = importlib.import_module("kybra._entry")
            described = json.loads(entry.load(modules.main))
            runtime = importlib.import_module("kybra._runtime")
            importlib.import_module("kybra.canisters.management")
        self._main = main
        self._system = system
        self._modules = modules
        self._entry = entry
        self._runtime = runtime
        self.exports = {name: index for index, name in enumerate(described["exports"])}
        self.did = described["did"]

    def _instance_state(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "stable"}

    def _lifecycle_arg(self, kind: str, arg: bytes | Sequence[Any]) -> bytes:
        if isinstance(arg, bytes):
            return arg
        method = self._entry.lifecycle.get(kind)
        if method is None:
            if arg:
                raise TypeError(f"the canister has no @{kind}, it takes no arguments")
            return b"DIDL\0\0"
        return bytes(method.encode_args(list(arg)))

    def _kind_of(self, method: str, kinds: Sequence[str]) -> str:
        for kind in kinds:
            if f"canister_{kind} {method}" in self.exports:
                return kind
        raise CanisterReject(
            5,
            f"IC0536: Error from Canister {self.id}: Canister has no {kinds[0]} method '{method}'",
        )

    def _encode(self, method: str, args: Sequence[Any]) -> bytes:
        declared = self._entry.methods.get(method)
        if declared is None:
            self._kind_of(method, ("update",))
        return bytes(declared.encode_args(list(args)))

    def _decode(self, method: str, data: bytes) -> Any:
        return self._entry.methods[method].decode_result(data)

    def _management_types(
        self, method: str, arg: bytes
    ) -> tuple[tuple[Any, ...] | None, Callable[[Any], bytes] | None]:
        """Argument and result codec of a management method, if the guest package knows it."""
        management = self._modules.load("kybra.canisters.management")
        described = getattr(management.ManagementCanister, method, None)
        if described is None:
            return None, None
        arguments, results, _ = described._candid_signature()
        decode = self._guest("_decode").ArgsDecoder(arguments)
        encode = self._guest("_encode").ArgsEncoder(results)
        try:
            args: tuple[Any, ...] | None = tuple(decode(arg))
        except self._guest("_errors").CandidError:
            args = None

        def encode_answer(answer: Any) -> bytes:
            if isinstance(answer, bytes) and answer.startswith(b"DIDL"):
                return answer
            return bytes(encode([answer] if results else []))

        return args, encode_answer

    def _call_guest(self, execution: Execution, function: str, argument: int) -> None:
        """Run guest code as one message; raises TrapSignal."""
        self._system._current = execution
        try:
            with self._modules.active():
                getattr(self._entry, function)(argument)
        finally:
            self._system._current = None

    def _lifecycle(self, export: str, execution: Execution) -> None:
        self.stable.begin()
        try:
            self._call_guest(execution, "dispatch", self.exports[export])
        except TrapSignal as trap:
            self.stable.rollback()
            raise CanisterTrap(trap.text) from None

    def _inspect(self, method: str, arg: bytes, sender: bytes) -> None:
        if "canister_inspect_message" not in self.exports:
            return
        heap, runtime = self._snapshot()
        execution = Execution("inspect", sender, arg, method)
        try:
            self._call_guest(execution, "dispatch", self.exports["canister_inspect_message"])
        except TrapSignal as trap:
            raise CanisterTrap(trap.text) from None
        finally:
            self._put_back(heap, runtime)
        if not execution.accepted:
            raise CanisterReject(
                4, f"IC0406: Canister {self.id} did not accept the call of {method!r}"
            )

    def _snapshot(self) -> tuple[HeapSnapshot, Any]:
        self.stable.begin()
        return HeapSnapshot(self._modules.canister_modules()), (
            self._runtime.capture(),
            self.cycles,
            self.timer_ns,
            self.certified_data,
        )

    def _put_back(self, heap: HeapSnapshot, saved: Any) -> None:
        self.stable.rollback()
        heap.restore()
        runtime, self.cycles, self.timer_ns, self.certified_data = saved
        self._runtime.restore(runtime)

    def _execute(
        self,
        execution: Execution,
        export: str,
        context: _Context,
        queue: deque[_Message],
        session: _QuerySession | None,
    ) -> None:
        self._message(execution, "dispatch", self.exports[export], context, queue, session)

    def _resume(
        self,
        execution: Execution,
        token: int,
        context: _Context,
        queue: deque[_Message],
        session: _QuerySession | None,
    ) -> None:
        function = "on_reject" if execution.kind == "reject" else "on_reply"
        self._message(execution, function, token, context, queue, session)

    def _message(
        self,
        execution: Execution,
        function: str,
        argument: int,
        context: _Context,
        queue: deque[_Message],
        session: _QuerySession | None,
    ) -> None:
        if session is None:
            heap, runtime = self._snapshot()
        elif id(self) in session.saved:
            _, heap, runtime = session.saved[id(self)]
        else:
            heap, runtime = self._snapshot()
            session.saved[id(self)] = (self, heap, runtime)
        try:
            self._call_guest(execution, function, argument)
        except TrapSignal as trap:
            self.traps.append(trap.text)
            self._put_back(heap, runtime)
            if function != "dispatch":
                self._call_guest(Execution("cleanup"), "on_cleanup", argument)
            if not context.answered and context.open_calls == 0:
                self.network._answer(context, CanisterTrap(trap.text), queue)
            return
        self.version += 1
        context.cycles = execution.cycles_available
        if execution.replied and not context.answered:
            outcome: bytes | CanisterReject
            if execution.reply is not None:
                outcome = execution.reply
            else:
                outcome = CanisterReject(4, execution.reject or "")
            self.network._answer(context, outcome, queue)
        for call in execution.calls:
            self.network._send(context, call, queue, session)
        if not context.answered and context.open_calls == 0:
            silent = CanisterReject(
                5, f"IC0506: Error from Canister {self.id}: Canister did not reply to the call"
            )
            self.network._answer(context, silent, queue)

    def _fire_timer(self) -> None:
        self.timer_ns = 0
        self._system_task("canister_global_timer", "timer")

    def _heartbeat(self) -> None:
        if "canister_heartbeat" in self.exports:
            self._system_task("canister_heartbeat", "heartbeat")

    def _system_task(self, export: str, kind: str) -> None:
        context = _Context(self, kind, export, MANAGEMENT, 0, None)
        execution = Execution(kind, MANAGEMENT, can_call=True)
        self._execute(execution, export, context, self.network._queue, None)

    def __repr__(self) -> str:
        return f"NativeCanister({self._main.parent.name} {self.id})"


PrincipalLike = Principal | NativeCanister | str | bytes


def as_principal(value: PrincipalLike) -> Principal:
    """A Principal from a Principal, a canister, its text or its bytes."""
    if isinstance(value, NativeCanister):
        return value.id
    if isinstance(value, str):
        return Principal.from_str(value)
    if isinstance(value, (bytes, bytearray)):
        return Principal(bytes(value))
    return Principal(value.bytes)


def same_principal(left: PrincipalLike, right: PrincipalLike) -> bool:
    """Whether both name the same identity, whatever they are written as."""
    return as_principal(left) == as_principal(right)


def user_principal(number: int) -> Principal:
    """A user principal for tests: self-authenticating in form, different for each number."""
    return Principal.self_authenticating(b"test key %d" % number)


def _http_record(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": "GET",
        "url": "/",
        "headers": [],
        "body": b"",
        "certificate_version": None,
        **request,
    }


def _as_seen_by_caller(
    context: _Context, outcome: bytes | CanisterReject
) -> bytes | CanisterReject:
    if isinstance(outcome, CanisterTrap):
        return CanisterReject(
            5,
            f"IC0503: Error from Canister {context.canister.id}: Canister called `ic0.trap` with "
            f"message: '{outcome.message}'",
        )
    return outcome
