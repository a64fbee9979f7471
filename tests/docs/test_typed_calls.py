"""The page of calls to type: each is one that its canister understands."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from dcanary.candid import parse_interface
from dcanary.candid.text import encode_text
from tests.docs import canisters
from tests.docs.pages import ROOT, rows, text_of

PAGE = "reference/typed-calls.md"
_CALL = re.compile(r"`icp canister call (\w+) (\w+) '(.*)'`")

ASKED = {
    *("add_stage", "configure_deployment_approval", "delete_pipeline", "get_pipeline_config"),
    *("list_pipelines", "pipeline_history", "register_pipeline", "remove_stage"),
    *("set_pipeline_triggers", "set_quality_gates", "update_pipeline_stages"),
    *("approve_deployment", "verify_pipeline_execution"),
    *("cancel_run", "execute_pipeline", "execute_pipeline_stage", "executor_health"),
    *("executor_performance", "queue_status", "retry_run", "start_pipeline_execution"),
    *("trigger_pipeline",),
    *("deploy_canister", "deployment_history", "manage_canister_cycles", "upgrade_canister"),
}
"""The names that the design asks for."""


@dataclass(frozen=True)
class Call:
    """A row: the name that was asked for, and what is called for it."""

    name: str
    canister: str
    method: str
    arguments: str
    text: str


def calls() -> list[Call]:
    """The rows of the page that show a call, in its order."""
    found = []
    for name, shown, *told in rows(text_of(PAGE)):
        for canister, method, arguments in _CALL.findall(shown):
            found.append(Call(name, canister, method, arguments, " ".join(told)))
    return found


def filled(arguments: str) -> str:
    """With a principal and a digest in the place of their names."""
    return arguments.replace("PRINCIPAL", "2ibo7-dia").replace("DIGEST", "0" * 64)


def test_every_name_that_is_asked_for_has_a_row() -> None:
    told = {name for cells in rows(text_of(PAGE)) for name in cells[0].split(", ")}
    assert told - {"name"} == ASKED


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.name)
def test_a_call_that_is_shown_is_understood(call: Call) -> None:
    interface = (ROOT / "canisters" / call.canister / f"{call.canister}.did").read_text()
    method = parse_interface(interface).methods[call.method]
    sent = encode_text(filled(call.arguments), method.arguments.types)
    assert len(method.arguments.decode(sent)) == len(method.arguments.types)


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.name)
def test_the_role_that_is_told_is_the_one_that_is_asked_for(call: Call) -> None:
    needed = next(one.caller for one in canisters.methods(call.canister) if one.name == call.method)
    told = re.findall(r"[Rr]ole (\w+)", call.text)
    assert told == ([needed.removeprefix("role ")] if needed.startswith("role ") else [])
