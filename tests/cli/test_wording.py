"""In text mode the command line speaks of its own commands, not of the canisters' methods."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dcanary.cli.app import Nouns, cli, run
from dcanary.cli.wording import COMMANDS, case_and_text, in_commands, worded
from dcanary.client.errors import ClientError, RefusedError, RejectedError

ROOT = Path(__file__).parents[2]
REFUSED = RefusedError("NotFound", "there is no run run-9: see list_runs", "get_run")


@pytest.mark.parametrize("words", sorted(COMMANDS.values()))
def test_the_commands_of_the_table_are_there(words: str) -> None:
    noun, *more = words.split(" ")
    assert isinstance(cli, Nouns)
    command = cli.get_command(click.Context(cli), noun)
    verbs = [word for word in more if not word.startswith("-")]
    options = [word for word in more if word.startswith("-")]
    for verb in verbs:
        assert isinstance(command, click.Group)
        command = command.commands[verb]
    assert command is not None
    assert not isinstance(command, click.Group)
    known = {name for parameter in command.params for name in parameter.opts}
    assert set(options) <= known


def methods() -> set[str]:
    files = (ROOT / "canisters").glob("*/*.did")
    return {name for f in files for name in re.findall(r"^  (\w+) : \(", f.read_text(), re.M)}


def sentences() -> Iterator[str]:
    """Texts that canisters may answer with: all but docstrings and what has no space in it."""
    for root in ("canisters", "shared"):
        for file in (ROOT / root).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            documentation = {
                id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
            }
            for node in ast.walk(tree):
                if not isinstance(node, ast.Constant) or id(node) in documentation:
                    continue
                if isinstance(node.value, str) and " " in node.value:
                    yield node.value


def test_every_method_that_a_canister_names_to_people_has_its_command() -> None:
    # Names of what a canister sends, for its instruction totals, are no sentences.
    named = {
        word
        for sentence in sentences()
        if not sentence.startswith("send ")
        for word in re.findall(r"[a-z]+(?:_[a-z]+)+", sentence)
        if word in methods()
    }
    assert {"list_runs", "update_target", "trigger_run"} <= named
    assert named <= set(COMMANDS)


def test_a_refusal_is_told_without_method_and_kind() -> None:
    assert worded(REFUSED) == "there is no run run-9: see `dcanary run list`"
    assert in_commands("use `update_target` first") == "use `dcanary target update` first"
    assert in_commands("the branch get_runner stays") == "the branch get_runner stays"
    assert worded(ClientError("no", "do this")) == "no\n  do this"


def test_a_rejection_says_first_that_it_is_one() -> None:
    error = RejectedError(5, "out of cycles", "IC0502", "inc")
    error.hint = "give it more"
    assert worded(error) == (
        "the canister rejected the call of inc: out of cycles (IC0502)\n  give it more"
    )


def test_what_a_canister_says_in_several_lines_begins_none_of_ours() -> None:
    said = "trapped\nerror: no\n  give it all"
    told = "trapped\n    error: no\n      give it all\n  give it more"
    for error in (RejectedError(5, said, "", "inc"), RefusedError("Denied", said, "inc")):
        error.hint = "give it more"
        assert worded(error).endswith(told)


@pytest.mark.parametrize("as_json", [False, True])
def test_programs_get_the_canisters_own_sentence(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise REFUSED

    monkeypatch.setattr(cli, "main", refuse)
    assert run(["run", "show", "run-9", *(["--json"] if as_json else [])]) == 1
    printed = capsys.readouterr().err
    if as_json:
        told = json.loads(printed)
        assert told["message"] == "get_run: NotFound: there is no run run-9: see list_runs"
        assert told["kind"] == "NotFound"
    else:
        assert printed == "error: there is no run run-9: see `dcanary run list`\n"


def test_what_is_not_registered_is_told_with_the_command_that_registers_it() -> None:
    said = [in_commands(sentence) for sentence in sentences()]
    assert " is not registered here: see `dcanary repository add`" in said
    assert ": an admin adds it with `dcanary target add`" in said


@pytest.mark.parametrize(
    ("case", "text", "shown"),
    [
        ("Cancelled", "cancelled by eve", "Cancelled by eve"),
        ("Failed", "stage build: make", "Failed: stage build: make"),
        ("Failed", "failed", "Failed: failed"),
        ("Queued", "", "Queued"),
    ],
)
def test_a_state_says_its_word_once(case: str, text: str, shown: str) -> None:
    assert case_and_text(case, text) == shown
