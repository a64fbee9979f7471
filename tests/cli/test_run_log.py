"""`run log` pieces a log together from blocks whose borders lie anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.context import Context
from dcanary.cli.output import Output
from dcanary.cli.run_log import NotFound, log
from dcanary.client.errors import ConfigError


@dataclass
class Logs:
    """The `get_log` of build_executor, over one log, in blocks of `block` bytes."""

    content: bytes
    block: int

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        piece = self.content[offset : offset + self.block]
        return {"content": piece, "offset": offset, "total": len(self.content)}


@dataclass
class Installed:
    build_executor: Any


def call(context: Context, what: str, **options: Any) -> None:
    """Run the command in this process, over a system that is made here."""
    given = {"follow": False, "search": None, "folder": None, "color": False, **options}
    log.callback.__wrapped__(context, what, **given)  # type: ignore[union-attr]


def shown(content: bytes, block: int, capsys: pytest.CaptureFixture[str], **how: bool) -> str:
    context = Context(Path(), "default", Output(**how))
    context.__dict__["system"] = Installed(Logs(content, block))
    call(context, "run-1/build/0")
    return capsys.readouterr().out


@pytest.mark.parametrize("block", [1, 2, 3, 5, 65_536])
def test_a_character_across_a_border_is_whole(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown("1 € 漢 😀\r\nend\n".encode(), block, capsys) == "1 € 漢 😀\nend\n"


def test_escapes_of_a_build_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(b"\x1b]0;t\x07\x1b[2Jx\n", 4, capsys) == "\\x1b]0;t\\x07\\x1b[2Jx\n"


def test_a_progress_bar_is_shown_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(b"10%\r20%\rdone\n", 3, capsys) == "10%\n20%\ndone\n"


def test_json_keeps_every_byte(capsys: pytest.CaptureFixture[str]) -> None:
    content = "€\x1b".encode() + b"\xff\xe2\x82"
    printed = json.loads(shown(content, 2, capsys, as_json=True))
    assert printed["log"].encode(errors="surrogateescape") == content


def test_an_empty_log_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(b"", 10, capsys) == ""


@dataclass
class Growing:
    """A job that prints `pieces`, one each time that somebody asks how it stands."""

    pieces: list[bytes]
    printed: bytes = b""

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        return {"content": self.printed[offset:], "offset": offset, "total": len(self.printed)}

    def get_run(self, run: str) -> dict[str, Any]:
        return {"state": {"Running": None}}

    def list_jobs(self, run: str, page: object) -> dict[str, Any]:
        if self.pieces:
            self.printed += self.pieces.pop(0)
        state = {"Leased": None} if self.pieces else {"Committed": None}
        job = {"job": "run-1/build/0", "stage": "build", "replica": 0, "state": state}
        return {"items": [job], "next": None}


def test_a_log_that_is_followed_ends_with_its_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.cli.run_log.POLL_SECONDS", 0.0)
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed(Growing([b"one\n", b"tw", b"o\nthree\n"]))
    call(context, "run-1/build/0", follow=True)
    assert capsys.readouterr().out == "one\ntwo\nthree\n"


@dataclass
class Several:
    """A run with logs of jobs, given as `name: content`; those opened last come first."""

    logs: dict[str, bytes]
    state: str = "Succeeded"

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        content = self.logs[job]
        return {"content": content[offset:], "offset": offset, "total": len(content)}

    def get_run(self, run: str) -> dict[str, Any]:
        return {"state": {self.state: None}, "stages": [{"name": "build"}, {"name": "test"}]}

    def list_jobs(self, run: str, page: object) -> dict[str, Any]:
        items = [
            {
                "job": name,
                "stage": name.split("/")[1],
                "replica": int(name.split("/")[2]),
                "operator": "ada",
                "state": {"Committed": None},
            }
            for name in self.logs
        ]
        return {"items": items, "next": None}


LOGS = {
    "run-1/test/0": b"ok 1\nnot ok 2\n",
    "run-1/build/0": b"compiling\nok",
    "run-1/build/1": b"compiling\n",
}


def several(what: str, how: dict[str, bool] | None = None, **options: Any) -> None:
    context = Context(Path(), "default", Output(**(how or {})))
    context.__dict__["system"] = Installed(Several(LOGS))
    call(context, what, **options)


def test_the_logs_of_a_run_come_one_after_the_other_in_the_order_of_its_stages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    several("run-1")
    assert capsys.readouterr().out == (
        "run-1/build/0  ada\ncompiling\nok\nrun-1/build/1  ada\ncompiling\n"
        "run-1/test/0  ada\nok 1\nnot ok 2\n"
    )


def test_a_stage_has_the_logs_of_its_jobs_only(capsys: pytest.CaptureFixture[str]) -> None:
    several("run-1/build", {"as_json": True})
    printed = json.loads(capsys.readouterr().out)
    assert [each["job"] for each in printed] == ["run-1/build/0", "run-1/build/1"]
    assert printed[0]["log"] == "compiling\nok"


def test_a_followed_run_names_the_job_of_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    several("run-1", follow=True)
    assert capsys.readouterr().out.splitlines() == [
        "build/0 | compiling",
        "build/0 | ok",
        "build/1 | compiling",
        "test/0 | ok 1",
        "test/0 | not ok 2",
    ]


def test_a_search_names_job_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    several("run-1", search="ok")
    assert capsys.readouterr().out.splitlines() == [
        "run-1/build/0:2: ok",
        "run-1/test/0:1: ok 1",
        "run-1/test/0:2: not ok 2",
    ]


def test_a_search_without_a_find_is_an_error_of_its_own_kind() -> None:
    with pytest.raises(NotFound, match="no line of run-1/build holds panic") as caught:
        several("run-1/build", search="panic")
    assert caught.value.exit_code == 1


def test_logs_are_written_byte_by_byte_with_their_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several("run-1", {"as_json": True}, folder=tmp_path / "logs")
    for row in json.loads(capsys.readouterr().out):
        content = Path(row["file"]).read_bytes()
        assert content == LOGS[row["job"]]
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(list((tmp_path / "logs").iterdir())) == len(LOGS)


def test_a_stage_that_the_run_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="no job or stage run-1/deploy"):
        several("run-1/deploy")


def test_colours_are_kept_when_asked_for_and_nothing_else_that_acts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = Context(Path(), "default", Output())
    content = b"\x1b[31mred\x1b[2J\n\x1b[38;5;8mgrey\x1b[0m\n\x1b[8mhidden\n"
    context.__dict__["system"] = Installed(Logs(content, 4))
    call(context, "run-1/build/0", color=True)
    assert capsys.readouterr().out == (
        "\x1b[31mred\\x1b[2J\x1b[0m\n\x1b[38;5;8mgrey\x1b[0m\x1b[0m\n\\x1b[8mhidden\n"
    )
