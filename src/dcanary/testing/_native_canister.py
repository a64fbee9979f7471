"""One native canister: its modules, its stable memory, its messages."""

from __future__ import annotations

import importlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcanary.testing._heap import HeapSnapshot
from dcanary.testing._isolation import IsolatedModules
from dcanary.testing._messages import (
    MANAGEMENT,
    CanisterReject,
    CanisterTrap,
    Context,
    Message,
    Network,
    Pending,
    QuerySession,
    Request,
)
from dcanary.testing._principals import ANONYMOUS, Principal, PrincipalLike, as_principal
from dcanary.testing._system import Execution, StableMemory, System, TrapSignal


class NativeCanister:
    """An installed canister. Made by `NativeNetwork.install`."""

    def __init__(self, network: Network, id: Principal, cycles: int, controller: Principal) -> None:
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
        return self.submit_raw(method, self.encode_arguments(method, args), caller=caller)

    def submit_raw(self, method: str, arg: bytes, *, caller: PrincipalLike = ANONYMOUS) -> Pending:
        """As `submit`, with the argument as Candid bytes."""
        kind = self._kind_of(method, ("update", "query"))
        sender = as_principal(caller).bytes
        self.check_inspect_message(method, arg, sender)
        context = Context(self, kind, method, sender, 0, None)
        self.network.messages.append(Request(context, arg))
        return Pending(self.network, context)

    def query(self, method: str, *args: Any, caller: PrincipalLike = ANONYMOUS) -> Any:
        """Call a query or composite query; whatever it changes is undone."""
        return self.decode_result(
            method, self.query_raw(method, self.encode_arguments(method, args), caller)
        )

    def query_raw(self, method: str, arg: bytes, caller: PrincipalLike = ANONYMOUS) -> bytes:
        """As `query`, with argument and result as Candid bytes."""
        kind = self._kind_of(method, ("query", "composite_query"))
        context = Context(self, kind, method, as_principal(caller).bytes, 0, None)
        session = QuerySession()
        queue: deque[Message] = deque([Request(context, arg)])
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
        return self.query("http_request", http_record(request), caller=caller)

    def http_update(self, request: dict[str, Any], caller: PrincipalLike = ANONYMOUS) -> Any:
        """`http_request_update`, what the gateway calls when the query answered `upgrade`."""
        return self.update("http_request_update", http_record(request), caller=caller)

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
        source = self.main if main is None else main
        try:
            if "canister_pre_upgrade" in self.exports:
                self._lifecycle("canister_pre_upgrade", Execution("pre_upgrade", sender.bytes))
            self._load(source)
            self.timer_ns = 0
            data = self.lifecycle_arguments("post_upgrade", arg)
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
        self._load(self.main if main is None else main)
        self.stable = StableMemory()
        self.timer_ns = 0
        self.certified_data = b""
        execution = Execution(
            "init", self.controllers[0].bytes, self.lifecycle_arguments("init", arg)
        )
        self._lifecycle("canister_init", execution)
        self.version += 1

    def go_on_from(self, stable: bytes) -> None:
        """Take over the stable memory of an earlier installation, as an upgrade of it does.

        Raises CanisterTrap when post_upgrade traps.
        """
        self.stable = StableMemory()
        self.stable.data[:] = stable
        self.upgrade()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """While this lasts, the maps in `module(…)` can be read as a query reads them."""
        heap, runtime = self._snapshot()
        self._system._current = Execution("query")
        try:
            with self._modules.active():
                yield
        finally:
            self._system._current = None
            self._put_back(heap, runtime)

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
        self.main = main
        self._system = system
        self._modules = modules
        self._entry = entry
        self._runtime = runtime
        self.exports = {name: index for index, name in enumerate(described["exports"])}
        self.did = described["did"]

    def _instance_state(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "stable"}

    def lifecycle_arguments(self, kind: str, arg: bytes | Sequence[Any]) -> bytes:
        """Candid bytes of the arguments of `init` or `post_upgrade`."""
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

    def encode_arguments(self, method: str, args: Sequence[Any]) -> bytes:
        """Candid bytes of the arguments of a method."""
        declared = self._entry.methods.get(method)
        if declared is None:
            self._kind_of(method, ("update",))
        return bytes(declared.encode_args(list(args)))

    def decode_result(self, method: str, data: bytes) -> Any:
        """The result of a method from Candid bytes."""
        return self._entry.methods[method].decode_result(data)

    def _management_types(
        self, method: str, arg: bytes
    ) -> tuple[tuple[Any, ...] | None, Callable[[Any], bytes] | None]:
        """Argument and result codec of a management method, if the guest package knows it."""
        with self._modules.active(loading=True):
            return self._described_management_types(method, arg)

    def _described_management_types(
        self, method: str, arg: bytes
    ) -> tuple[tuple[Any, ...] | None, Callable[[Any], bytes] | None]:
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

    def check_inspect_message(self, method: str, arg: bytes, sender: bytes) -> None:
        """Run `canister_inspect_message`. Raises CanisterReject when it does not accept."""
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
        return self._modules.heap().snapshot(), (
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
        context: Context,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None:
        self._message(execution, "dispatch", self.exports[export], context, queue, session)

    def _resume(
        self,
        execution: Execution,
        token: int,
        context: Context,
        queue: deque[Message],
        session: QuerySession | None,
    ) -> None:
        function = "on_reject" if execution.kind == "reject" else "on_reply"
        self._message(execution, function, token, context, queue, session)

    def _message(
        self,
        execution: Execution,
        function: str,
        argument: int,
        context: Context,
        queue: deque[Message],
        session: QuerySession | None,
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

    def fire_timer(self) -> None:
        """Put the message of the global timer into the queue, whether it is due or not."""
        self.timer_ns = 0
        self._system_task("canister_global_timer", "timer")

    def _heartbeat(self) -> None:
        if "canister_heartbeat" in self.exports:
            self._system_task("canister_heartbeat", "heartbeat")

    def _system_task(self, export: str, kind: str) -> None:
        context = Context(self, kind, export, MANAGEMENT, 0, None)
        execution = Execution(kind, MANAGEMENT, can_call=True)
        self._execute(execution, export, context, self.network.messages, None)

    def __repr__(self) -> str:
        return f"NativeCanister({self.main.parent.name} {self.id})"


def http_record(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": "GET",
        "url": "/",
        "headers": [],
        "body": b"",
        "certificate_version": None,
        **request,
    }
