"""Approved orders for the compiled deployment canister, and the installation that takes them."""

from __future__ import annotations

import hashlib
from typing import Any

from dcanary.testing.native import user_principal
from shared.rules.assets import ordered, path_of
from shared.rules.orders import order_digest
from tests.canisters.deployment.asset_lists import FOLDER, listed
from tests.canisters.deployment.replica_subnet import CHUNK, OWNER, ROOT, Subnet
from tests.canisters.installation import DOUBLES

VERIFICATION = user_principal(94)
ARTIFACT = "counter.wasm.gz"
SOURCE = {
    "repository": "demo",
    "clone_url": "https://forge.example/demo.git",
    "ref": "refs/heads/main",
    "sha": "a" * 40,
    "message": "Count faster",
    "author": "Ada",
}
VERDICT = {
    "manifest": "b" * 64,
    "environment": "c" * 64,
    "operators": ["one", "two"],
    "quorum": 2,
    "replicas": 3,
}


class Installed:
    """`deployment` and a build_executor double, wired; `verification` is a user of the test."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.main = ROOT / "canisters" / "deployment" / "main.py"
        self.deployment = subnet.deploy(self.main, "deployment")
        self.build_executor = subnet.deploy(DOUBLES / "build_executor.py", "build_executor")
        principal = type(OWNER)
        siblings = {
            "webhook": user_principal(91),
            "pipeline_config": user_principal(92),
            "build_executor": principal(self.build_executor),
            "verification": VERIFICATION,
            "deployment": principal(self.deployment),
        }
        assert subnet.call(self.deployment, "wire", siblings) == {"Ok": None}

    def register(self, canister: bytes | None = None, cycles: int = 0) -> None:
        """Register the target `counter`."""
        target = {
            "target": "counter",
            "repository": "demo",
            "network": "local",
            "canister": None if canister is None else type(OWNER)(canister),
            "controllers": [OWNER] if canister is None else [],
            "cycles": cycles,
        }
        registered = self.subnet.call(self.deployment, "register_target", target)
        assert "Ok" in registered, registered

    def start(
        self,
        number: int,
        mode: str,
        module: bytes,
        memory: str = "Default",
        replaces: bytes | None = None,
        assets: dict[str, bytes] | None = None,
        settings: str | None = None,
    ) -> str:
        """Start an approved release of `module` and of files by their keys; its name.

        `settings` say how the files are served.

        `replaces` is the hash of what the target ran when people were asked, by default of now.
        """
        subnet = self.subnet
        run = f"run-{number}"
        for index in range(0, len(module), CHUNK):
            content = module[index : index + CHUNK]
            subnet.call(self.build_executor, "hold", run, ARTIFACT, str(index // CHUNK), content)
        files = None if assets is None else listed(assets, settings)
        for key, content in (assets or {}).items():
            for index in range(0, max(1, len(content)), CHUNK):
                part = content[index : index + CHUNK]
                path = path_of(FOLDER, key)
                subnet.call(self.build_executor, "hold", run, path, str(index // CHUNK), part)
        order = {
            "approval": f"approval-{number}",
            "run": run,
            "repository": "demo",
            "target": "counter",
            "stage": "build",
            "artifact": ARTIFACT,
            "sha256": hashlib.sha256(module).hexdigest(),
            "size": len(module),
            "mode": {mode: None},
            "memory": {memory: None},
            "install_arg": b"",
            "upgrade_arg": b"",
            "order": None,
            "digest": None,
            "attempt": None,
            "assets": files,
        }
        found = subnet.query(self.deployment, "get_target", "counter")["Ok"]
        canister = found["canister"]
        view = None if canister is None else subnet.engine.canister(canister.bytes)
        approved: dict[str, Any] = {
            "canister": canister,
            "network": "local",
            "source": SOURCE,
            "pipeline_version": 1,
            "argument": b"",
            "verdict": VERDICT,
            "gates": [],
            "replaces": replaces or (None if view is None else view.module_hash),
            "creates": None,
            "assets": None if files is None else ordered(FOLDER, files),
        }
        if canister is None:
            named = [type(OWNER)(self.deployment), *found["controllers"]]
            approved["creates"] = {
                "controllers": sorted(named, key=lambda one: one.bytes),
                "cycles": found["cycles"] or 3_000_000_000_000,
            }
        for field in ("target", "repository", "run", "stage", "artifact", "sha256", "size"):
            approved[field] = order[field]
        for field in ("mode", "memory"):
            approved[field] = order[field]
        order["order"] = approved
        order["digest"] = order_digest(approved)  # type: ignore[arg-type] # the record as a dict
        started = subnet.call(self.deployment, "start_release", order, sender=VERIFICATION)
        return str(started["Ok"])

    def shown(self, release: str) -> dict[str, Any]:
        found: dict[str, Any] = self.subnet.query(self.deployment, "get_release", release)["Ok"]
        return found
