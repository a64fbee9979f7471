"""`secret set` and `secret reseal`: who can read the next version, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from dcanary.cli.context import Context
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.output import Output
from dcanary.cli.secret import reseal, set_secret
from dcanary.client.types.pipeline_config import Secret
from tests.executor.secret_chain import SecretChain

NAME = "NPM_TOKEN"


@pytest.fixture
def chain(tmp_path: Path) -> SecretChain:
    made = SecretChain(tmp_path / "home")
    for name in ("alice", "bob"):
        made.announce(name)
    return made


def run(
    chain: SecretChain, command: click.Command, *only: str, everyone: bool = False
) -> tuple[Secret, set[str]]:
    """The secret after a command, and which executors can read it."""
    context = Context(chain.home, "default", Output())
    context.__dict__["system"] = chain.owner
    value = chain.home.parent / "value"
    value.write_text("npm_0123456789")
    source = [str(value)] if command is set_secret else []
    principals = tuple(chain.register(each).to_str() for each in only)
    command.callback.__wrapped__(  # type: ignore[union-attr] # click's types allow no callback
        context, NAME, None, *source, principals, everyone, True
    )
    kept = chain.owner.pipeline_config.get_secret(None, NAME)
    readers = {each["recipient"] for each in kept["recipients"]}
    return kept, {each for each in chain.keys if chain.register(each).to_str() in readers}


def test_the_next_value_stays_with_the_executors_that_were_chosen(
    chain: SecretChain, capsys: pytest.CaptureFixture[str]
) -> None:
    run(chain, set_secret, "alice")
    capsys.readouterr()
    kept, readers = run(chain, set_secret)
    assert (kept["version"], kept["restricted"], readers) == (2, True, {"alice"})
    assert "warning" not in capsys.readouterr().err
    assert run(chain, reseal)[1] == {"alice"}


def test_a_restriction_is_lifted_by_all_executors_alone_and_that_is_said(
    chain: SecretChain, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (set_secret, reseal):
        run(chain, set_secret, "alice")
        capsys.readouterr()
        kept, readers = run(chain, command, everyone=True)
        assert (kept["restricted"], readers) == (False, {"alice", "bob"})
        said = " ".join(capsys.readouterr().err.split())
        assert "was for chosen executors only up to now" in said
        assert f"{chain.register('bob').to_str()} of operator bob could not read" in said


def test_others_that_are_chosen_take_the_place_of_those_before(
    chain: SecretChain, capsys: pytest.CaptureFixture[str]
) -> None:
    run(chain, set_secret, "alice")
    capsys.readouterr()
    kept, readers = run(chain, set_secret, "bob")
    assert (kept["restricted"], readers) == (True, {"bob"})
    said = " ".join(capsys.readouterr().err.split())
    assert f"{chain.register('alice').to_str()} could read {NAME} up to now" in said
    assert f"{chain.register('bob').to_str()} of operator bob could not read" in said
    assert run(chain, set_secret)[1] == {"bob"}


def test_choosing_for_a_secret_of_all_is_said(
    chain: SecretChain, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, readers = run(chain, set_secret)
    assert (kept["restricted"], readers) == (False, {"alice", "bob"})
    capsys.readouterr()
    kept, readers = run(chain, reseal, "bob")
    assert (kept["restricted"], readers) == (True, {"bob"})
    said = " ".join(capsys.readouterr().err.split())
    assert "was for all executors up to now (version 1)" in said


def test_when_no_chosen_executor_is_left_nothing_is_sealed_to_others(chain: SecretChain) -> None:
    run(chain, set_secret, "alice")
    chain.disable("alice")
    with pytest.raises(UsageTrouble, match="no executor that NPM_TOKEN was sealed to is left"):
        run(chain, set_secret)
    assert chain.owner.pipeline_config.get_secret(None, NAME)["version"] == 1


def test_both_choices_at_once_are_refused(chain: SecretChain) -> None:
    with pytest.raises(UsageTrouble, match="exclude each other"):
        run(chain, set_secret, "alice", everyone=True)
