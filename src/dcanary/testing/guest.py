"""The guest package alone, without a canister: for tests of the package itself."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from dcanary.testing._isolation import GUEST, IsolatedModules
from dcanary.testing._system import Execution, System, TrapSignal
from dcanary.testing.native import ANONYMOUS, NativeCanister, NativeNetwork, user_principal

__all__ = ["Guest", "TrapSignal"]


class Guest:
    """One copy of the guest package over the stable memory of a canister without code."""

    def __init__(self, canister: NativeCanister | None = None) -> None:
        if canister is None:
            canister = NativeCanister(NativeNetwork(), user_principal(0), 10**12, ANONYMOUS)
        self.canister = canister
        self.system = System(canister)
        self.system._current = Execution("update", can_reply=True, can_call=True)
        self.modules = IsolatedModules(GUEST / "kybra" / "__init__.py", self.system)
        self.kybra: Any = self.modules.load("kybra")

    def module(self, name: str) -> Any:
        return self.modules.load(f"kybra.{name}")

    def type(self, annotation: Any, **names: Any) -> Any:
        """The Candid type of an annotation."""
        return self.module("_annotations").to_type(annotation, {**vars(self.kybra), **names})

    def define(self, source: str) -> Any:
        """A module of the canister with this source."""
        module = ModuleType("main")
        self.modules.modules["main"] = module
        with self.modules.active(loading=True):
            sys.modules["main"] = module
            code = compile("from kybra import *\n" + source, "main.py", "exec")
            exec(code, vars(module))  # noqa: S102 (sources of the tests themselves)
        return module

    def map(self, key: Any, value: Any, memory_id: int = 0, max_key: int = 1000,
            max_value: int = 4_000_000) -> Any:  # fmt: skip
        made = self.kybra.StableBTreeMap[key, value](
            memory_id=memory_id, max_key_size=max_key, max_value_size=max_value
        )
        made._prepare()
        return made

    def upgraded(self) -> Guest:
        """A new heap over the same stable memory."""
        return Guest(self.canister)
