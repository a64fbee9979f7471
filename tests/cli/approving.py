"""Runs and approval requests as a command line finds them, without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dcanary.cli import approval
from dcanary.cli.context import Context
from dcanary.cli.orders.digest import order_digest
from dcanary.cli.output import Output
from dcanary.client.errors import RefusedError
from tests.cli.test_orders import order, request
from tests.cli.test_waiting import run

CANISTER = "rrkah-fqaaa-aaaaa-aaaaq-cai"
OTHER = "ryjl3-tyaaa-aaaaa-aaaba-cai"


def asked(name: str, **changed: Any) -> Any:
    """A request about an order of its own, as verification answers it."""
    about = order(**{"target": name, **changed})
    return request(
        approval=name,
        order=about,
        digest=order_digest(about),
        request={
            "run": "run-7",
            "sha256": about["sha256"],
            "install_references": None,
            "upgrade_references": None,
        },
    )


def status(target: str, state: str, approval: str | None = None, why: Any = None) -> Any:
    return {"target": target, "state": {state: why}, "approval": approval, "release": None}


@dataclass
class Installed:
    """Runs and requests; each decision takes the run on to its next form."""

    forms: list[Any]
    decided: list[Any] = field(default_factory=list)
    canisters: dict[str, str | None] = field(default_factory=dict)

    @property
    def build_executor(self) -> Installed:
        return self

    @property
    def verification(self) -> Installed:
        return self

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def connection(self) -> Any:
        return SimpleNamespace(sender="aaaaa-aa")

    @property
    def config(self) -> Any:
        return SimpleNamespace(canisters={"deployment": OTHER})

    def get_run(self, name: str) -> Any:
        assert name == "run-7"
        return self.forms[min(len(self.decided), len(self.forms) - 1)]

    def get_approval(self, name: str, certified: bool = False) -> Any:
        return asked(name)

    def decide_approval(self, decision: Any) -> Any:
        self.decided.append((decision["approval"], decision["digest"]))
        return {**asked(decision["approval"]), "state": {"Approved": None}}

    def get_target(self, name: str) -> Any:
        if name not in self.canisters:
            raise RefusedError("NotFound", "no such target", "get_target")
        return {"canister": self.canisters[name]}


def approve(installed: Installed, *ids: str, follow: bool = False, **how: Any) -> None:
    output = {name: how.pop(name) for name in ("as_json", "quiet") if name in how}
    context = Context(Path(), "default", Output(**output))
    context.__dict__["system"] = installed
    given: dict[str, Any] = {"digest": None, "sha256": None, "comment": "", "yes": True, **how}
    command: Any = approval.approve
    command.callback.__wrapped__(context, ids, follow, 5.0, **given)


BOTH = run(
    "Approving",
    approval="approval-1",
    targets=[
        status("a", "Approving", "approval-1"),
        status("b", "Approving", "approval-2"),
        status("c", "Waiting"),
    ],
)
