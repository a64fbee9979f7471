"""`dcanary report` and `dcanary reporter`: what is shown, and what wrong options are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from dcanary.cli.context import Context
from dcanary.cli.main import run
from dcanary.cli.operations import reporter as operations
from dcanary.cli.output import Output
from dcanary.cli.report import list_reports, show_report, subject_text
from dcanary.client.errors import ClientError, ConfigError, RefusedError
from dcanary.reporter.places import PlaceProblem, place_of


def report(number: int, **changed: Any) -> Any:
    made = {
        "number": number,
        "at_ns": 1_700_000_000 * 10**9,
        "repository": "demo",
        "ref": "refs/heads/main",
        "sha": "0123456789abcdef" + "0" * 24,
        "run": "run-7",
        "pipeline": "main",
        "subject": {"Stage": "build"},
        "state": {"Failed": "it does not compile"},
        "record": None,
        "posting": {
            "state": {"Waiting": None},
            "attempts": 3,
            "last_error": "HTTP 401 Bad credentials (the token is wrong or has expired)",
            "next_try_ns": 1_700_000_060 * 10**9,
        },
    }
    return {**made, **changed}


class Webhook:
    """A canister that lists what it is given."""

    def __init__(self, items: list[Any]) -> None:
        self.items, self.webhook = items, self

    def list_reports(self, page: Any) -> Any:
        if page["cursor"] == "999":
            raise RefusedError("Invalid", "cursor is past the end", "webhook.list_reports")
        return {"items": self.items, "next": None}


def called(command: click.Command, items: list[Any], how: dict[str, bool], **given: Any) -> None:
    context = Context(Path(), "default", Output(**how))
    context.__dict__["system"] = Webhook(items)
    assert command.callback is not None
    with click.Context(command, obj=context):
        command.callback(**given)


def listed(items: list[Any], **how: bool) -> None:
    called(list_reports, items, how, limit=20, cursor=None)


def test_the_list_says_what_the_forge_said_and_when_it_is_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed([report(4), report(3, posting={**report(3)["posting"], "state": {"Posted": None}})])
    printed = capsys.readouterr().out
    for word in ("run-7", "stage build", "Waiting", "Posted", "401", "22:14:20Z"):
        assert word in printed


def test_the_list_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.cli.output.terminal_width", lambda stream: 80)
    listed([report(4)])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "401" in lines[1] and "Waiting" in lines[1]


def test_programs_get_the_records_and_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    listed([report(4)], as_json=True)
    assert '"last_error": "HTTP 401' in capsys.readouterr().out
    listed([report(4), report(3)], quiet=True)
    assert capsys.readouterr().out.split() == ["4", "3"]


def test_subjects_are_named() -> None:
    assert subject_text({"Run": None}) == "run"
    assert subject_text({"Target": "counter"}) == "target counter"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--name", "no name"], "a name"),
        (["--wrong"], "No such option"),
        (["more"], "unexpected extra argument"),
    ],
)
def test_wrong_options_are_usage(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reporter", "run", *options]) == 2
    assert told in capsys.readouterr().err


class Nothing:
    """A system that a wrong option is found before."""


@pytest.mark.parametrize("link", ["ci.example/{run}", "javascript:alert(1)", "https://"])
def test_a_link_that_is_no_url_is_refused(tmp_path: Path, link: str) -> None:
    system: Any = Nothing()
    with pytest.raises(ConfigError, match="is no URL"):
        operations.run(system, tmp_path, [], link=link, once=True)


def test_the_token_of_the_local_forge_is_found_and_an_own_one_wins(tmp_path: Path) -> None:
    from dcanary.forge import Forge

    with Forge(tmp_path / "forge") as forge:
        url = f"{forge.url()}/demo.git"
    place = place_of("GitHub", url)
    own = forge.token_file().read_text().strip()
    assert operations.tokens_for([], tmp_path / "forge").for_place(place)[1] == own
    other = tmp_path / "token"
    other.write_text("mine")
    given = operations.tokens_for([f"{place.host}={other}"], tmp_path / "forge")
    assert given.for_place(place)[1] == "mine"


def test_without_a_forge_there_is_no_token_and_none_is_made(tmp_path: Path) -> None:
    tokens = operations.tokens_for([], tmp_path / "forge")
    with pytest.raises(PlaceProblem):
        tokens.for_place(place_of("GitHub", "https://github.com/o/r.git"))
    assert not (tmp_path / "forge").exists()


def test_who_may_not_post_is_told_what_to_do(tmp_path: Path) -> None:
    class Denied:
        """A canister that knows the caller not."""

        def __init__(self) -> None:
            self.webhook = self.connection = self
            self.sender = "aaaaa-aa"

        def lease_reports(self, reporter: str) -> Any:
            raise RefusedError("Denied", "no", "webhook.lease_reports")

    system: Any = Denied()
    with pytest.raises(ClientError, match="may not post reports") as raised:
        operations.run(system, tmp_path, [], once=True)
    assert "dcanary access grant aaaaa-aa reporter" in raised.value.hint


def test_a_reporter_is_named_after_its_host_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "a host " + "x" * 100)
    name = operations.own_name()
    assert name.startswith("a-host-xxx")
    assert len(name) == operations.MAX_NAME_CHARS


def test_one_report_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    called(show_report, [report(4)], {}, number=4)
    printed = capsys.readouterr().out
    for word in (
        "Failed: it does not compile",
        "(the token is wrong or has expired)",
        "0123456789",
    ):
        assert word in printed
    called(show_report, [report(4)], {"as_json": True}, number=4)
    assert '"number": 4' in capsys.readouterr().out


@pytest.mark.parametrize("number", [3, 999])
def test_a_report_that_is_not_kept_is_told(number: int) -> None:
    with pytest.raises(ClientError, match=f"there is no report {number}"):
        called(show_report, [report(2)], {}, number=number)
