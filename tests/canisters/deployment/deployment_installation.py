"""The real deployment canister, a build_executor double and an in-memory management canister."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcanary.testing.native import (
    NativeCanister,
    NativeNetwork,
    user_principal,
)
from shared.rules.orders import order_digest
from tests.canisters.deployment.management import Canister, Management
from tests.canisters.installation import DOUBLES

ROOT = Path(__file__).resolve().parents[3]
OWNER = user_principal(1)
CHUNK = 1_000_000
TARGET_ID = (77).to_bytes(8, "big") + b"\x01\x01"
OLD = b"old module"
NEW = b"new module"


class LossyNetwork(NativeNetwork):
    """Upgrades a canister when asked to between two messages: it never gets its answers then."""

    upgrade_now: NativeCanister | None = None

    def step(self) -> bool:
        stepped = super().step()
        canister = self.upgrade_now
        if canister is not None:
            self.upgrade_now = None
            canister.upgrade()
        return stepped


class Installation:
    def __init__(self) -> None:
        self.network = LossyNetwork()
        main = ROOT / "canisters" / "deployment" / "main.py"
        self.deployment = self.network.install(main, caller=OWNER)
        self.build_executor = self.network.install(DOUBLES / "build_executor.py", caller=OWNER)
        self.verification = self.network.install(DOUBLES / "verification.py", caller=OWNER)
        self.management = Management(self.network)
        self.management.on_loss = self._lose
        siblings = {
            "webhook": user_principal(91),
            "pipeline_config": user_principal(92),
            "build_executor": self.build_executor.id,
            "verification": self.verification.id,
            "deployment": self.deployment.id,
        }
        assert self.admin("wire", siblings) == {"Ok": None}
        self._orders = 0

    def _lose(self) -> None:
        self.network.upgrade_now = self.deployment

    def admin(self, method: str, *args: Any) -> Any:
        return self.deployment.update(method, *args, caller=OWNER)

    def target(self, name: str = "counter", **changes: Any) -> Any:
        given = {
            "target": name,
            "repository": "demo",
            "network": "local",
            "canister": None,
            "controllers": [OWNER],
            "cycles": 0,
        }
        given.update(changes)
        return self.admin("register_target", given)

    def existing(self, module: bytes | None = OLD, name: str = "counter") -> Canister:
        """A target that is a running canister with a module and a state of its own."""
        id = TARGET_ID if name == "counter" else name.encode().ljust(8, b"\0")[:8] + b"\x01\x01"
        canister = Canister(id, [self.deployment.id.bytes, OWNER.bytes], 10**12, module, "old")
        self.management.add(canister)
        assert "Ok" in self.target(name, canister=type(OWNER)(id), controllers=[])
        return canister

    def order(self, module: bytes = NEW, mode: str = "Upgrade", **changes: Any) -> dict[str, Any]:
        """An approved order whose bytes build_executor holds."""
        self._orders += 1
        number = self._orders
        run = f"run-{number}"
        for index in range(0, max(len(module), 1), CHUNK):
            content = module[index : index + CHUNK]
            self.build_executor.update(
                "hold", run, "app.wasm", str(index // CHUNK), content, caller=OWNER
            )
        made: dict[str, Any] = {
            "approval": f"approval-{number}",
            "run": run,
            "repository": "demo",
            "target": "counter",
            "stage": "build",
            "artifact": "app.wasm",
            "sha256": hashlib.sha256(module).hexdigest(),
            "size": len(module),
            "mode": {mode: None},
            "memory": {"Default": None},
            "install_arg": b"install",
            "upgrade_arg": b"upgrade",
            "order": None,
            "digest": None,
            "attempt": None,
            "assets": None,
        }
        made.update(changes)
        return self.bound(made)

    def bound(self, made: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The message with the approved order that says the same, for the target as it is now."""
        target = self.deployment.query("get_target", made["target"]).get("Ok")
        canister = None if target is None else target["canister"]
        running = None if canister is None else self.management.canisters.get(canister.bytes)
        module = None if running is None else running.module
        upgrades = "Upgrade" in made["mode"]
        approved: dict[str, Any] = {
            "canister": canister,
            "network": "local",
            "source": {
                "repository": made["repository"],
                "clone_url": "https://forge.example/demo.git",
                "ref": "refs/heads/main",
                "sha": "a" * 40,
                "message": "Count faster",
                "author": "Ada",
            },
            "pipeline_version": 1,
            "argument": made["upgrade_arg" if upgrades else "install_arg"],
            "verdict": {
                "manifest": "b" * 64,
                "environment": "c" * 64,
                "operators": ["one", "two"],
                "quorum": 2,
                "replicas": 3,
            },
            "gates": [],
            "replaces": None if module is None else hashlib.sha256(module).digest(),
            "creates": self.creates(target) if target is not None and canister is None else None,
            "assets": None,
        }
        for field in ("target", "repository", "run", "stage", "artifact", "sha256", "size"):
            approved[field] = made[field]
        for field in ("mode", "memory"):
            approved[field] = made[field]
        approved.update(changes)
        made["order"] = approved
        made["digest"] = order_digest(approved)  # type: ignore[arg-type] # the record as a dict
        return made

    def creates(self, target: Any) -> dict[str, Any]:
        """What a release gives to the canister that it creates for the target."""
        named = {self.deployment.id, *target["controllers"]}
        return {
            "controllers": sorted(named, key=lambda one: one.bytes),
            "cycles": target["cycles"] or 3_000_000_000_000,
        }

    def start(self, order: dict[str, Any]) -> Any:
        return self.deployment.update("start_release", order, caller=self.verification)

    def after(self, method: str, happens: Callable[[], None], times: int = 1) -> None:
        """Let something happen right after the management canister has performed a method."""
        handler = self.network.management[method]
        left = [None] * times

        def interfering(call: Any) -> bytes:
            answer = handler(call)
            if left:
                left.pop()
                happens()
            return answer

        self.network.management[method] = interfering

    def told(self) -> list[Any]:
        """The reports that verification got, in order."""
        return list(self.verification.query("received"))

    def release(self, module: bytes = NEW, mode: str = "Upgrade", **changes: Any) -> str:
        """Order a release and let it end; its name."""
        answer = self.start(self.order(module, mode, **changes))
        self.run_until_idle()
        return str(answer["Ok"])

    def run_until_idle(self, seconds: int = 3_600) -> None:
        """Run every timer that falls due within `seconds`, and what it starts."""
        self.network.advance(seconds)

    def state(self, release: str) -> Any:
        return self.deployment.query("get_release", release)["Ok"]["state"]

    def failure(self, release: str) -> str:
        return str(self.state(release)["Failed"])

    def shown(self, name: str = "counter") -> Any:
        return self.deployment.query("get_target", name)["Ok"]
