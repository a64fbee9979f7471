"""Installing, reinstalling and upgrading code, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dcanary.candid.principal import to_text
from dcanary.replica.engine.core import Core
from dcanary.replica.engine.executor import apply_local_effects, failure
from dcanary.replica.state import limits
from dcanary.replica.state.errors import CallError, ErrorCode
from dcanary.replica.state.records import Canister
from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.body import Body
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.memory.stable import StableMemory
from dcanary.replica.wasm.compiler import CompiledModule
from dcanary.replica.wasm.rewrite import START


class Mode(Enum):
    INSTALL = "install"
    REINSTALL = "reinstall"
    UPGRADE = "upgrade"


@dataclass(slots=True)
class Installation:
    """What to install and how."""

    module: bytes
    """Raw or gzip-compressed."""
    arg: bytes
    caller: bytes
    mode: Mode
    skip_pre_upgrade: bool = False
    keep_main_memory: bool | None = None
    """None when the caller did not say."""


class _Run:
    """The executions of one installation share instructions, effects and charges."""

    def __init__(self, core: Core, canister: Canister, caller: bytes) -> None:
        self._core = core
        self._canister = canister
        self._caller = caller
        self._now = core.subnet.now
        self._threshold = core.threshold(canister)
        self.left = limits.INSTALL_INSTRUCTIONS
        self.used = 0
        self.balance = canister.balance
        self.burned = 0
        self.effects: list[Execution] = []
        self.lines: list[bytes] = []
        """For the log; the state is not touched while code runs."""

    def execute(self, body: Body, entry: str, context: int, arg: bytes) -> None:
        """Run an entry point if the module has it. Raises `CallError` when it traps."""
        assert body.module is not None
        exported = body.module.exports(entry) or (
            entry == START and body.module.parsed.start is not None
        )
        if not exported:
            return
        execution = Execution(
            context=context,
            canister=self._canister,
            memory=body.memory,
            stable=body.stable,
            now=self._now,
            limit=self.left,
            surroundings=self._core.surroundings,
            balance=self.balance,
            threshold=self._threshold,
        )
        execution.arg = arg
        execution.caller = self._caller
        used = body.run(execution, entry)
        self.left = max(self.left - used, 0)
        self.used += used
        self.lines += execution.logs
        if execution.error is not None:
            self.lines.append(b"[TRAP]: " + execution.error.message.encode())
            raise execution.error
        self.balance = execution.balance
        self.burned += execution.burned
        self.effects.append(execution)


def _check(canister: Canister, old: Body | None, request: Installation) -> None:
    installed = old is not None and old.module is not None
    if request.mode is Mode.INSTALL and installed:
        raise CallError(
            ErrorCode.ALREADY_INSTALLED,
            f"Canister {to_text(canister.id)} cannot be installed because the canister is not "
            "empty. Try installing with mode='reinstall' instead.",
        )
    if request.mode is Mode.UPGRADE and not installed:
        raise CallError(
            ErrorCode.NO_WASM_MODULE,
            f"Canister {to_text(canister.id)} has no Wasm module to upgrade; install one first.",
        )


def _check_persistence(old: Body, new: CompiledModule, request: Installation) -> None:
    """Refuse upgrades that would lose a heap that is meant to stay."""
    assert old.module is not None
    if request.keep_main_memory and not new.persists_heap:
        raise CallError(
            ErrorCode.INVALID_WASM,
            "The new Wasm module does not support enhanced orthogonal persistence, so its main "
            "memory cannot be kept (wasm_memory_persistence = keep).",
        )
    if request.keep_main_memory is None and old.module.persists_heap:
        raise CallError(
            ErrorCode.INVALID_WASM,
            "Missing upgrade option: Enhanced orthogonal persistence requires the "
            "`wasm_memory_persistence` upgrade option.",
        )


class Installer:
    """Puts modules into canisters."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.instructions = 0
        """Executed in the current round."""

    def install(self, canister: Canister, request: Installation) -> CompiledModule:
        """Install; raises `CallError` and leaves code and state as they were when it fails."""
        old = self._core.bodies.get(canister.id)
        _check(canister, old, request)
        module = self._core.compile(canister, request.module)
        keep = bool(request.keep_main_memory) and request.mode is Mode.UPGRADE
        if request.mode is Mode.UPGRADE:
            assert old is not None
            _check_persistence(old, module, request)
        costs = self._core.costs
        prepaid = costs.execution(limits.INSTALL_INSTRUCTIONS, module.parsed.is_64)
        self._core.require(canister, prepaid)
        run = _Run(self._core, canister, request.caller)
        run.balance -= prepaid
        run.used = module.instructions * costs.compile_instruction
        new = Body(self._core.runtime, module)
        failed = self._execute(canister, run, request, old, new, keep)
        for line in run.lines:
            self._core.log(canister, line)
        if failed is not None:
            self._discard(old, new)
            if not isinstance(failed, CallError):
                raise failed
            self._charge(canister, run, module, failed=True)
            raise CallError(failed.code, failure(canister, failed).message) from None
        new.commit()
        if old is not None:
            if new.stable is old.stable:
                old.stable = StableMemory()
            old.close()
        self._core.bodies[canister.id] = new
        canister.timer = 0
        canister.certified_data = (
            b"" if request.mode is not Mode.UPGRADE else (canister.certified_data)
        )
        self._charge(canister, run, module, failed=False)
        for execution in run.effects:
            if execution.context == ctx.PRE_UPGRADE:
                execution.timer = None  # an upgrade deactivates the global timer
            apply_local_effects(self._core, execution)
        if request.mode is not Mode.UPGRADE:
            canister.logs.clear()
            for execution in run.effects:
                for line in execution.logs:
                    self._core.log(canister, line)
        self._core.blobs.put(request.module)
        canister.module = module.hash
        canister.installed = self._core.subnet.now
        canister.version += 1
        self._core.index(canister)
        return module

    def _execute(
        self,
        canister: Canister,
        run: _Run,
        request: Installation,
        old: Body | None,
        new: Body,
        keep: bool,
    ) -> Exception | None:
        """Run the code of an installation; returns why it failed, or None."""
        beside = self._core.runs.begin(canister.id)
        try:
            self._run(run, request, old, new, keep)
        except Exception as error:
            return error
        finally:
            self._core.runs.end(beside)
        return None

    @staticmethod
    def _discard(old: Body | None, new: Body) -> None:
        """Undo a failed installation."""
        if old is not None:
            if new.stable is old.stable:
                new.stable = StableMemory()
            old.rollback()
        new.close()

    def _run(
        self, run: _Run, request: Installation, old: Body | None, new: Body, keep: bool
    ) -> None:
        if request.mode is Mode.UPGRADE:
            assert old is not None
            if not request.skip_pre_upgrade:
                run.execute(old, "canister_pre_upgrade", ctx.PRE_UPGRADE, b"")
            new.stable.close()
            new.stable = old.stable
            if keep:
                old.memory.copy_view_to(new.memory)
        if not keep:
            new.load_initial_image()
        run.execute(new, START, ctx.START, b"")
        if request.mode is Mode.UPGRADE:
            run.execute(new, "canister_post_upgrade", ctx.INIT, request.arg)
        else:
            run.execute(new, "canister_init", ctx.INIT, request.arg)
        new.instance()  # also a module without entry points must be instantiable

    def _charge(self, canister: Canister, run: _Run, module: CompiledModule, failed: bool) -> None:
        price = self._core.costs.execution(run.used, module.parsed.is_64)
        self.instructions += run.used
        if not failed:
            canister.consumed += run.burned
            canister.balance -= run.burned
        self._core.consume(canister, price)
