"""Arguments that have no form of what they name are usage errors, before anything is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest

from dcanary.candid.principal import self_authenticating, to_text
from dcanary.cli.app import cli
from dcanary.cli.canister import interface
from dcanary.cli.context import Context
from dcanary.cli.main import run
from dcanary.cli.nouns import NOUNS
from dcanary.cli.output import Output
from dcanary.cli.parameters import (
    CANISTER,
    CANISTER_OR_NONE,
    MAX_OFFER_CHARS,
    MAX_TARGET_CYCLES,
    NAME,
    PRINCIPAL,
    Text,
    checked,
)
from shared.rules import limits
from shared.rules.names import name_problem

PERSON = to_text(self_authenticating(b"a public key"))
SHIP = "rrkah-fqaaa-aaaaa-aaaaq-cai"


@pytest.mark.parametrize(
    "arguments",
    [
        ["access", "grant", "foo", "admin"],
        ["access", "revoke", "", "admin"],
        ["access", "grant", SHIP.upper(), "admin"],
        ["executor", "disable", "zz"],
        ["executor", "enable", SHIP + "x"],
        ["executor", "register", "a", "--operator", "a", "--principal", "zz"],
        ["executor", "start", "a", "--region", "\x1b[2J"],
        ["executor", "start", "a", "--label", "x" * 101],
        ["target", "add", "x", "--repository", "r", "--canister", "zzz"],
        ["target", "add", "x", "--repository", "r", "--canister", "aaaaa-aa"],
        ["target", "add", "x", "--repository", "r", "--controller", "a"],
        ["target", "add", "x", "--repository", "r", "--cycles", "-5"],
        ["target", "add", "x", "--repository", "r", "--cycles", "9" * 50],
        ["target", "add", "BAD NAME", "--repository", "r"],
        ["target", "update", "x", "--canister", "zzz"],
        ["target", "update", "x", "--cycles", "-1"],
        ["repository", "add", "../x", "--clone-url", "http://example.org/x"],
        ["pipeline", "register", "--repository", "r", "--approver", "me"],
        ["pipeline", "show", "r", "--version", "-1"],
        ["canister", "call", "aaaaa-aa", "foo"],
        ["canister", "call", "2vxsx-fae", "foo"],
        ["canister", "info", PERSON],
        ["canister", "interface", "zz"],
        ["system", "connect", "--webhook", "x"],
        ["run", "show", "nope"],
        ["run", "show", ""],
        ["run", "show", "run-01"],
        ["run", "show", "run-99999999999999999999"],
        ["run", "show", os.fsdecode(b"run-1\xff")],
        ["run", "list", "--repository", os.fsdecode(b"\xff")],
        ["run", "start", "r", "--sha", "abc"],
        ["run", "log", "run-1/"],
        ["run", "log", "run-1/a/-1"],
        ["run", "log", "run-1", "--follow", "--search", "x"],
        ["run", "log", "run-1", "--search", ""],
        ["release", "cancel", "approval-1"],
        ["release", "retry", "run-1"],
        ["approval", "show", "release-1"],
        ["run", "watch", "run-1", "--timeout", "-1"],
        ["release", "watch", "release-1", "--timeout", "nan"],
        ["approval", "approve", "approval-1", "--digest", "abc"],
        ["approval", "reject", "approval-1", "--sha256", "A" * 64],
        ["executor", "register", "a", "--operator", "two words"],
        ["run"],
        [],
    ],
)
def test_what_has_not_the_form_of_its_argument_is_usage(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*arguments, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    error = json.loads(printed.err)
    assert error["error"] == "usage"
    assert "see: dcanary" in error["message"]
    assert not (tmp_path / ".dcanary").exists()


def test_global_options_may_stand_after_the_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` could, and of `--identity` and `--home` it was said that there is no such option."""
    home = str(tmp_path / "h")
    assert run(["identity", "new", "a", "--home", home]) == 0
    assert (tmp_path / "h" / "identities" / "a.pem").exists()
    capsys.readouterr()
    assert run(["identity", f"--home={home}", "show", "--identity", "a", "-q"]) == 0
    after = capsys.readouterr().out
    assert run(["--home", home, "--identity", "a", "-q", "identity", "show"]) == 0
    assert after == capsys.readouterr().out != ""


@pytest.mark.parametrize("more", [[], ["--json"], ["--", "x"]], ids=str)
def test_a_global_option_without_its_value_takes_no_other_word(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", "list", "--identity", *more]) == 2
    assert "Option '--identity' requires an argument" in capsys.readouterr().err


def test_no_command_has_options_of_the_names_of_global_ones() -> None:
    globals_ = {name for one in cli.params for name in one.opts} - {"--version"}

    def check(command: click.Command, path: str) -> None:
        for option in command.params:
            assert not globals_ & set(option.opts), path
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                check(inner, f"{path} {name}")

    for noun in NOUNS:
        found = cli.get_command(click.Context(cli), noun)
        assert found is not None
        check(found, noun)


@pytest.mark.parametrize(
    "arguments",
    [
        ["access", "grant", PERSON, "admin"],
        ["access", "grant", "2vxsx-fae", "viewer"],
        ["target", "add", "x", "--repository", "r", "--canister", SHIP, "--cycles", "0"],
        ["target", "update", "x", "--canister", ""],
        ["canister", "info", SHIP],
        ["run", "show", "run-12"],
        ["run", "log", "run-1/a/0"],
        ["run", "log", "run-1/a"],
        ["run", "log", "run-1"],
        ["run", "start", "r", "--sha", "a" * 40],
        ["release", "retry", "approval-3"],
        ["release", "watch", "release-1", "--timeout", "0.5"],
        ["approval", "approve", "approval-1", "--digest", "a" * 64],
    ],
)
def test_what_has_it_is_only_short_of_an_installation(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"] == "config"


def commands(command: click.Command) -> list[click.Command]:
    inner = command.commands.values() if isinstance(command, click.Group) else []
    return [command, *(found for each in inner for found in commands(each))]


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_no_command_takes_text_that_is_not_utf_8(noun: str) -> None:
    group = cli.get_command(click.Context(cli), noun)
    assert group is not None
    for each in commands(checked(group)):
        for parameter in each.params:
            if isinstance(parameter.type, click.types.StringParamType):
                assert isinstance(parameter.type, Text), (each.name, parameter.name)


def test_the_limits_and_names_are_those_of_the_canisters() -> None:
    assert limits.MAX_TARGET_CYCLES == MAX_TARGET_CYCLES
    assert limits.MAX_OFFER_CHARS == MAX_OFFER_CHARS
    for name in ("a", "a.b_c-1", "", "A", "-a", "a..b", "a" * 64, "a" * 65, "a/b", "é", "a\n"):
        if name_problem("name", name) is None:
            assert NAME.convert(name, None, None) == name
        else:
            with pytest.raises(click.BadParameter):
                NAME.convert(name, None, None)


def test_a_principal_is_told_from_a_canister() -> None:
    for form in (PRINCIPAL, CANISTER, CANISTER_OR_NONE):
        assert form.convert(SHIP, None, None) == SHIP
    assert PRINCIPAL.convert(PERSON, None, None) == PERSON
    with pytest.raises(click.BadParameter, match="is not a canister but who signs calls"):
        CANISTER.convert(PERSON, None, None)


def test_a_folder_that_cannot_be_used_is_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A folder in which nobody can make another, root neither.
    assert run(["--home", "/proc/1", "identity", "new", "x", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)
    assert error["error"] == "config"
    assert error["message"].startswith("cannot use /proc/1/identities: ")


def test_a_command_that_only_says_what_it_did_says_it_to_programs_as_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), "forge", "stop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"done": "no forge was running"}
    assert run(["--home", str(tmp_path), "identity", "new", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "a"


@pytest.mark.parametrize("as_json", [True, False])
def test_an_interface_is_a_value_for_programs(
    as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "service : { get : () -> (nat) query }"
    network = SimpleNamespace(metadata=lambda raw, name: text.encode())
    context = Context(tmp_path, "default", Output(as_json))
    context.__dict__["system"] = SimpleNamespace(connection=network)
    cast("Any", interface.callback).__wrapped__(context, SHIP)
    printed = capsys.readouterr().out
    assert (json.loads(printed)["interface"] if as_json else printed.rstrip("\n")) == text
