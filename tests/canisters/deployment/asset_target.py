"""A target that is an asset canister, on the native network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.rules.assets import ordered
from tests.canisters.deployment.asset_lists import FOLDER, listed
from tests.canisters.deployment.deployment_installation import OLD, OWNER, Installation
from tests.canisters.deployment.management import Canister
from tests.canisters.installation import DOUBLES

SITE = {"/index.html": b"<h1>one</h1>", "/assets/app.js": b"let one = 1", "/empty.txt": b""}


class AssetTarget:
    """An installation whose target `counter` has files; the canister is `canister`."""

    def __init__(
        self, module: bytes | None = OLD, main: Path = DOUBLES / "asset_canister.py"
    ) -> None:
        self.canary = Installation()
        network = self.canary.network
        self.files = network.install(main, caller=OWNER)
        controllers = [self.canary.deployment.id.bytes, OWNER.bytes]
        self.canister = Canister(self.files.id.bytes, controllers, 10**12, module, "old")
        self.canary.management.add(self.canister)
        registered = self.canary.target(canister=self.files.id, controllers=[])
        assert "Ok" in registered, registered
        self._snapshots: dict[bytes, bytes] = {}
        self.canary.after("take_canister_snapshot", self._taken, 50)
        self.canary.after("load_canister_snapshot", self._loaded, 50)

    def _taken(self) -> None:
        self._snapshots[self.canister.snapshots[-1].id] = bytes(self.files.stable.data)

    def _loaded(self) -> None:
        self.files.go_on_from(self._snapshots[self.canister.loaded])

    def go_on(self, messages: int) -> None:
        """Process so many messages, firing the timer of deployment where there are none."""
        network = self.canary.network
        done = 0
        while done < messages:
            if network.step():
                done += 1
            else:
                network.time_ns += 1
                self.canary.deployment.fire_timer()

    def mood(self, name: str, value: str) -> None:
        self.files.update("mood", name, value, caller=OWNER)

    def put(self, key: str, content: bytes, kind: str = "text/html", age: Any = None) -> None:
        self.files.update("put", key, kind, content, age, caller=OWNER)

    def content(self) -> dict[str, bytes]:
        """What the canister serves, by key."""
        keys = self.files.query("keys")
        return {key: bytes(self.files.query("content", key)) for key in keys}

    def properties(self, key: str) -> dict[str, Any]:
        """How the canister serves a file."""
        found: dict[str, Any] = self.files.query("get_asset_properties", key)
        return found

    def order(
        self,
        files: dict[str, bytes],
        module: bytes = b"new module",
        settings: str | None = None,
        **more: Any,
    ) -> Any:
        """An approved order with these files, which build_executor holds."""
        canary = self.canary
        made = canary.order(module, mode="Upgrade" if self.canister.module else "Install", **more)
        for key, content in files.items():
            for index in range(0, max(1, len(content)), 1_000_000):
                part = content[index : index + 1_000_000]
                path = FOLDER + key[1:]
                canary.build_executor.update(
                    "hold", made["run"], path, str(index // 1_000_000), part, caller=OWNER
                )
        return self.bound(made, listed(files, settings))

    def bound(self, made: dict[str, Any], files: Any) -> Any:
        """The message with an order that binds these files."""
        made["assets"] = files
        return self.canary.bound(made, assets=ordered(FOLDER, files))

    def release(self, files: dict[str, bytes], module: bytes = b"new module", **more: Any) -> str:
        answer = self.canary.start(self.order(files, module, **more))
        assert "Ok" in answer, answer
        self.canary.run_until_idle()
        return str(answer["Ok"])
