"""The methods of the canisters as `docs/reference/canisters.md` shows them.

Signatures are those of the interface files beside the sources; who may call is the canister's own
table of callers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dcanary.testing.native import NativeNetwork
from shared.rules.roles import ROLES
from tests.docs.pages import ROOT

NAMES = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
COMMON = (
    "grant_role",
    "health",
    "instructions",
    "list_grants",
    "revoke_role",
    "siblings",
    "wire",
)
"""Methods that every canister has, with the same rules."""

_METHOD = re.compile(r"  (\w+) : (\(.*\) -> \(.*\))( query)?;")


@dataclass(frozen=True)
class Method:
    """One method and who may call it."""

    canister: str
    name: str
    kind: str
    caller: str
    signature: str


def methods(canister: str) -> list[Method]:
    """The methods of a canister, in alphabetical order, without the common ones."""
    return [method for method in _all(canister) if method.name not in COMMON]


def common_methods(canister: str) -> list[Method]:
    """The methods of a canister that all five have."""
    return [method for method in _all(canister) if method.name in COMMON]


def _all(canister: str) -> list[Method]:
    folder = ROOT / "canisters" / canister
    installed = NativeNetwork().install(folder / "main.py")
    served = installed.module("shared.base.canister").served()
    callers, readers = served.callers, served.readers
    interface = (folder / f"{canister}.did").read_text(encoding="utf-8")
    found = []
    for line in interface[interface.index("service : {") :].splitlines():
        if match := _METHOD.fullmatch(line):
            name, signature, query = match.groups()
            kind = "query" if query else "update"
            who = readers.get(name, "anyone") if query else callers[name]
            caller = _described(who)
            found.append(Method(canister, name, kind, caller, signature))
    return sorted(found, key=lambda method: method.name)


def error_cases() -> list[str]:
    """The kinds of `Err`, the same for all canisters."""
    installed = NativeNetwork().install(ROOT / "canisters" / "webhook" / "main.py")
    return list(installed.module("shared.types.errors").Error.__annotations__)


def _described(who: str) -> str:
    """An entry of a canister's table of callers, in words."""
    if who in ROLES:
        return f"role {who}"
    return f"the canister {who}" if who in NAMES else who


def render(canister: str) -> str:
    """The generated table of a canister; `common` for what all five have."""
    listed = common_methods("webhook") if canister == "common" else methods(canister)
    lines = ["| method | kind | who may call | signature |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {one.caller} | `{one.signature}` |" for one in listed]
    return "\n" + "\n".join(lines) + "\n\n"
