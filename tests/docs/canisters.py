"""The methods of the canisters as `docs/reference/canisters.md` shows them.

Signatures are those of the interface files beside the sources; who may call is read from `main.py`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

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

IN_THE_RULES = {
    ("webhook", "http_request_update"): "anyone, also anonymous: the signature decides",
    ("build_executor", "lease_work"): "a registered, enabled executor",
    ("build_executor", "heartbeat"): "the executor that holds the lease",
    ("build_executor", "release_work"): "the executor that holds the lease",
    ("build_executor", "submit_commitment"): "the executor that holds the lease",
    ("build_executor", "upload_chunk"): "the executor that holds the upload",
    ("build_executor", "finish_upload"): "the executor that holds the upload",
    ("verification", "reveal"): "the executor that committed",
    ("verification", "decide_approval"): "the request's approvers; role Admin to reject",
    ("*", "wire"): "role Owner",
    ("*", "grant_role"): "role Admin; role Owner for Owner and Admin",
    ("*", "revoke_role"): "role Admin; role Owner for Owner and Admin",
}
"""Callers of updates whose check is not in `main.py` but in the rules that it calls."""

_METHOD = re.compile(r"  (\w+) : (\(.*\) -> \(.*\))( query)?;")
_CHECKS = {"refuse_unless": "role", "_lacks": "role"}
_SIBLING_CHECKS = {
    "refuse_unless_sibling": None,
    "_refusal": None,
    "_not_verification": "verification",
}


@dataclass(frozen=True)
class Method:
    """One method. `caller` is empty when an update's check is not in `main.py`."""

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
    entries = _entry_points((folder / "main.py").read_text(encoding="utf-8"))
    interface = (folder / f"{canister}.did").read_text(encoding="utf-8")
    found = []
    for line in interface[interface.index("service : {") :].splitlines():
        if match := _METHOD.fullmatch(line):
            name, signature, query = match.groups()
            kind = "query" if query else "update"
            caller = "anyone" if query else _caller(entries[name])
            found.append(Method(canister, name, kind, caller, signature))
    return sorted(found, key=lambda method: method.name)


def _entry_points(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def _caller(node: ast.FunctionDef) -> str:
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        texts = [
            arg.value
            for arg in call.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if call.func.id in _CHECKS:
            return f"role {texts[-1]}"
        if call.func.id in _SIBLING_CHECKS:
            return f"the canister {_SIBLING_CHECKS[call.func.id] or texts[-1]}"
    return ""


def caller_of(method: Method) -> str:
    """Who may call. Raises KeyError for an update whose check nobody has described."""
    if method.caller:
        return method.caller
    name = "*" if method.name in COMMON else method.canister
    return IN_THE_RULES[(name, method.name)]


def render(canister: str) -> str:
    """The generated table of a canister; `common` for what all five have."""
    listed = common_methods("webhook") if canister == "common" else methods(canister)
    lines = ["| method | kind | who may call | signature |", "|---|---|---|---|"]
    lines += [
        f"| `{one.name}` | {one.kind} | {caller_of(one)} | `{one.signature}` |" for one in listed
    ]
    return "\n" + "\n".join(lines) + "\n\n"
