"""What a person can do about a run, by its state."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest

from dcanary.cli.operations.run_explain import NEXT, what_to_do
from dcanary.client.types import build_executor
from tests.docs import commands


def made(state: str, **changed: Any) -> Any:
    source = {"repository": "shop", "sha": "ab" * 20}
    found = {"run": "run-7", "state": {state: None}, "source": source, "targets": None}
    return {**found, "approval": "approval-3", "release": "release-2", **changed}


def test_every_state_is_explained() -> None:
    assert set(NEXT) == set(build_executor.RunState.__annotations__)


@pytest.mark.parametrize("state", sorted(NEXT))
def test_the_commands_that_are_named_exist(state: str) -> None:
    told = what_to_do(made(state))
    assert "{" not in told
    for command in told.split("dcanary ")[1:]:
        noun, *rest = shlex.split(command.replace(",", " ").replace(";", " "))
        found = commands.group().get_command(click.Context(commands.group()), noun)
        assert found is not None, noun
        assert not isinstance(found, click.Group) or rest[0] in found.commands, command


def test_records_of_the_run_are_named() -> None:
    assert "approval show approval-3" in what_to_do(made("Approving"))
    assert "release watch release-2" in what_to_do(made("Releasing"))
    assert f"run start shop --sha {'ab' * 20}" in what_to_do(made("Cancelled"))


@pytest.mark.parametrize("state", ["Approving", "Releasing"])
@pytest.mark.parametrize(
    "changed",
    [{"approval": None, "release": None}, {"targets": [{"target": "a"}, {"target": "b"}]}],
)
def test_of_several_targets_the_run_tells_each(state: str, changed: Any) -> None:
    assert "dcanary run show run-7" in what_to_do(made(state, **changed))
