"""`target add` and `update`, and the network that an installation is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest

from dcanary.cli import target
from dcanary.cli.context import Context
from dcanary.cli.operations.system import LOCAL, name_network
from dcanary.cli.ordering import in_order
from dcanary.cli.output import Output
from dcanary.client.errors import ClientError, RefusedError, RejectedError

DEPLOYMENT = "rwlgt-iiaaa-aaaaa-aaaaa-cai"
CANISTER, FRIEND, HAND = "rrkah-fqaaa-aaaaa-aaaaq-cai", "2vxsx-fae", "aaaaa-aa"


@dataclass
class Installed:
    """An installation with one target; what deployment is told is kept."""

    name: str = "staging"
    canister: str | None = CANISTER
    controllers: list[str] = field(default_factory=lambda: [DEPLOYMENT, HAND])
    told: list[Any] = field(default_factory=list)

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def webhook(self) -> Installed:
        return self

    def get_repository(self, name: str) -> Any:
        if name != "demo":
            raise RefusedError("NotFound", f"there is no repository {name}", "get_repository")
        return {"repository": name}

    @property
    def config(self) -> Any:
        return SimpleNamespace(canisters={"deployment": DEPLOYMENT})

    @property
    def connection(self) -> Any:
        return SimpleNamespace(
            controllers=lambda raw: list(self.controllers), exists=lambda raw: True
        )

    def network(self) -> str:
        return self.name

    def get_target(self, name: str) -> Any:
        return {
            "target": name,
            "repository": "demo",
            "network": self.name,
            "canister": self.canister,
            "controllers": [FRIEND],
            "cycles": 7,
            "topped_up": None,
        }

    def register_target(self, given: Any) -> Any:
        self.told.append(given)
        return given

    update_target = register_target

    def call(self, method: str) -> Any:
        assert method == "network"
        return self.name

    def top_up_target(self, name: str, cycles: int) -> Any:
        self.told.append((name, cycles))
        return {**self.get_target(name), "topped_up": {"total": 12, "last": cycles}}

    def ask(self, method: str, *arguments: Any) -> None:
        self.told.append((method, *arguments))


def run(installed: Installed, command: click.Command, *arguments: Any) -> Any:
    """What deployment is told."""
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = installed
    command.callback.__wrapped__(context, *arguments)  # type: ignore[union-attr]
    return installed.told[-1]


def test_a_target_is_on_the_network_of_its_installation_unless_another_is_named() -> None:
    add = target.target.commands["add"]
    for given, expected in ((None, "staging"), ("mainnet", "mainnet")):
        told = run(Installed(), add, "counter", "demo", given, None, (), 5)
        assert told["network"] == expected


def busy_network() -> Any:
    """A network on which the target's canister is made and not yet installed."""

    def update(*_: object) -> bytes:
        raise RejectedError(5, "the canister contains no Wasm module", "IC0537", "canister.get")

    return SimpleNamespace(metadata=lambda *_: None, update=update)


@pytest.mark.parametrize(("canister", "told"), [(CANISTER, "no Wasm module"), (None, "canister")])
def test_a_call_in_the_middle_of_a_release_says_so(canister: str | None, told: str) -> None:
    def get_target(name: str) -> Any:
        return {"target": name, "canister": canister, "busy": "release-1"}

    context = Context(Path(), "default", Output())
    context.__dict__["system"] = SimpleNamespace(
        connection=busy_network(), deployment=SimpleNamespace(get_target=get_target)
    )
    command = target.target.commands["call"].callback
    with pytest.raises(ClientError, match=told) as caught:
        command.__wrapped__(context, "counter", "get", "()")  # type: ignore[union-attr]
    assert caught.value.hint == "release-1 is still at work there: dcanary target show counter"


class Gone(Installed):
    """An installation whose network does not have the target's canister."""

    @property
    def config(self) -> Any:
        canisters = {"deployment": DEPLOYMENT}
        return SimpleNamespace(canisters=canisters, network=SimpleNamespace(url="http://net"))

    @property
    def connection(self) -> Any:
        return SimpleNamespace(controllers=lambda raw: [], exists=lambda raw: False)


def test_a_target_with_a_canister_that_is_nowhere_is_changed_and_shown_with_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    update, show = (target.target.commands[name] for name in ("update", "show"))
    told = run(Gone(), update, "counter", None, None, (), 9)
    assert (told["controllers"], told["cycles"]) == ([FRIEND], 9)
    told = run(Gone(), update, "counter", None, HAND, (), None)
    assert told["canister"] == HAND
    assert f"has no canister {HAND}, so nothing can" in capsys.readouterr().err
    gone = Gone()
    gone.told.append(None)
    run(gone, show, "counter")
    captured = capsys.readouterr()
    assert f"the network has no canister {CANISTER}" in captured.err
    assert CANISTER in captured.out


def test_what_an_update_does_not_name_stays() -> None:
    update = target.target.commands["update"]
    told = run(Installed(), update, "counter", "other", None, (), None)
    assert told == {
        "target": "counter",
        "repository": "other",
        "network": "staging",
        "canister": CANISTER,
        "controllers": [DEPLOYMENT, HAND],
        "cycles": 7,
    }


@pytest.mark.parametrize(("given", "expected"), [(HAND, HAND), ("", None)])
def test_another_canister_brings_its_own_controllers(given: str, expected: str | None) -> None:
    update = target.target.commands["update"]
    told = run(Installed(), update, "counter", None, given, (), None)
    assert (told["canister"], told["controllers"]) == (expected, [])


def test_controllers_are_all_that_are_given() -> None:
    update = target.target.commands["update"]
    told = run(Installed(), update, "counter", None, None, (FRIEND, HAND), 0)
    assert (told["controllers"], told["cycles"]) == ([FRIEND, HAND], 0)


def test_controllers_are_cleared_when_that_is_asked_for() -> None:
    update = target.target.commands["update"]
    told = run(Installed(), update, "counter", None, None, (), None, True)
    assert told["controllers"] == []
    parsed = update.make_context("update", ["counter", "--no-controllers"]).params
    assert (parsed["no_controllers"], parsed["controllers"]) == (True, ())
    with pytest.raises(click.UsageError, match="exclude each other"):
        run(Installed(), update, "counter", None, None, (FRIEND,), None, True)


def test_the_controllers_of_a_canister_to_be_created_stay_when_only_its_cycles_change() -> None:
    update = target.target.commands["update"]
    told = run(Installed(canister=None), update, "counter", None, None, (), 5)
    assert (told["controllers"], told["cycles"]) == ([FRIEND], 5)


@pytest.mark.parametrize("command", ["add", "update"])
def test_a_canister_that_deployment_does_not_control_is_warned_of(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "add": ("counter", "demo", None, CANISTER, (), 5),
        "update": ("counter", None, CANISTER, (), None),
    }
    run(Installed(), target.target.commands[command], *arguments[command])
    assert capsys.readouterr().err == ""
    run(Installed(controllers=[HAND]), target.target.commands[command], *arguments[command])
    assert f"--add-controller {DEPLOYMENT}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["add", "update"])
def test_a_repository_that_is_not_registered_is_warned_of(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "add": ("counter", "nope", None, None, (), 5),
        "update": ("counter", "nope", None, (), None),
    }
    run(Installed(), target.target.commands[command], *arguments[command])
    told = capsys.readouterr().err
    assert "warning: the repository nope is not registered" in told
    assert "dcanary repository add nope" in told


def test_deployment_is_told_its_network_once() -> None:
    installed = Installed()
    name_network(cast("Any", installed), LOCAL)
    assert installed.told == [("set_network", "local")]
    name_network(cast("Any", Installed(name=LOCAL, told=installed.told)), LOCAL)
    assert len(installed.told) == 1


def test_a_new_target_is_told_in_few_lines_without_what_is_not_there_yet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    add = target.target.commands["add"]
    run(Installed(), add, "counter", "demo", None, None, (FRIEND,), 3 * 10**12)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "target",
        "repository",
        "network",
        "canister",
        "controllers",
    ]
    assert "made by its first release, with 3,000,000,000,000 cycles" in lines[3]
    assert lines[4].endswith(f"{DEPLOYMENT} (deployment), {FRIEND}")


def test_cycles_are_sent_to_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    installed = Installed()
    run(installed, target.top_up, "web", 7)
    assert installed.told == [("web", 7)]
    printed = capsys.readouterr().out
    assert CANISTER in printed
    assert "12" in printed


def test_few_cycles_of_a_new_canister_are_told_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1,000 cycles were told as 0.00 T."""
    run(Installed(), target.add, "web", "demo", None, None, (), 1_000)
    assert "with 1,000 cycles" in capsys.readouterr().out


def test_the_fields_of_a_target_are_shown_in_an_order_that_people_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = Gone()
    gone.told.append(None)
    run(gone, target.target.commands["show"], "counter")
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert shown[:5] == ["target", "repository", "network", "canister", "controllers"]
    assert shown[5] == target.NEW_CYCLES
    mixed = {"cycles": 1, "busy": 2, "network": 3, "target": 4}
    assert list(in_order(mixed, target.FIELDS)) == ["target", "network", "cycles", "busy"]
    assert list(in_order({"new": 1, **mixed}, target.FIELDS))[-1] == "new"


def test_what_a_new_canister_gets_is_not_taken_for_a_balance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`cycles 3000000000000` stood there."""

    class Rich(Gone):
        def get_target(self, name: str) -> Any:
            topped_up = {"total": 2_000_000, "last": 1, "by": "aaaaa-aa", "at_ns": 0}
            return {**super().get_target(name), "cycles": 3 * 10**12, "topped_up": topped_up}

    rich = Rich()
    rich.told.append(None)
    run(rich, target.target.commands["show"], "counter")
    printed = capsys.readouterr().out
    assert "new_canister_gets      3,000,000,000,000 cycles" in printed
    assert "2,000,000 cycles in all" in printed
