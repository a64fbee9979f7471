"""`run log` pieces a log together from blocks whose borders lie anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.context import Context
from dcanary.cli.output import Output
from dcanary.cli.run_log import log


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


def shown(content: bytes, block: int, capsys: pytest.CaptureFixture[str], **how: bool) -> str:
    context = Context(Path(), "default", Output(**how))
    context.__dict__["system"] = Installed(Logs(content, block))
    log.callback.__wrapped__(context, "run-1/build/0", False)  # type: ignore[union-attr]
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
        return {"items": [{"job": "run-1/build/0", "state": state}], "next": None}


def test_a_log_that_is_followed_ends_with_its_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.cli.run_log.POLL_SECONDS", 0.0)
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed(Growing([b"one\n", b"tw", b"o\nthree\n"]))
    log.callback.__wrapped__(context, "run-1/build/0", True)  # type: ignore[union-attr]
    assert capsys.readouterr().out == "one\ntwo\nthree\n"
