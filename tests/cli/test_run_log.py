"""`run log` pieces a log together from blocks whose borders lie anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.context import Context
from dcanary.cli.operations.job_logs import jobs_of
from dcanary.cli.operations.silence import why_silent
from dcanary.cli.output import Output
from dcanary.cli.run_log import NotFound, log
from dcanary.cli.times import moment_of
from dcanary.client.errors import ConfigError, RefusedError


@dataclass
class Logs:
    """The `get_log` of build_executor, over one log, in blocks of `block` bytes."""

    content: bytes
    block: int

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        piece = self.content[offset : offset + self.block]
        return {"content": piece, "offset": offset, "total": len(self.content)}

    def get_run(self, run: str) -> dict[str, Any]:
        stage = {"name": "build", "state": {"Succeeded": None}}
        return {"state": {"Succeeded": None}, "stages": [stage], "waiting_for": []}


@dataclass
class Installed:
    build_executor: Any


def call(context: Context, what: str, **options: Any) -> None:
    """Run the command in this process, over a system that is made here."""
    given = {"follow": False, "search": None, "folder": None, "color": False}
    given |= {"timestamps": False, "since": None, "until": None, **options}
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


def test_an_empty_log_ends_and_says_so_beside_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed(Logs(b"", 10))
    call(context, "run-1/build/0")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "run-1/build/0 printed nothing: build is Succeeded\n"


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


@pytest.mark.parametrize("block", [1, 4, 100])
def test_colours_are_left_out_wherever_a_part_ends(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were shown as text, `\\x1b[31m`; all else that acts still is."""
    context = Context(Path(), "default", Output())
    content = b"\x1b[31mred\x1b[2J\x1b[38;5;8m\n\x1b[mgrey\r\n\x1b[8mhidden\x1b[3x\x1b["
    context.__dict__["system"] = Installed(Logs(content, block))
    call(context, "run-1/build/0")
    context.output.finish()
    assert capsys.readouterr().out == "red\\x1b[2J\ngrey\nhidden\\x1b[3x\\x1b["


@dataclass
class Timed:
    """A log of lines that arrived two seconds apart, the first at the beginning of 1970."""

    lines: list[bytes]
    block: int = 7

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        content = b"".join(self.lines)
        piece = content[offset : offset + self.block]
        starts = [len(b"".join(self.lines[:number])) for number in range(len(self.lines))]
        marks = [
            {"offset": start, "at_ns": 2_000_000_000 * number}
            for number, start in enumerate(starts)
        ]
        known = [each for each in marks if each["offset"] <= offset][-1:]
        known += [each for each in marks if offset < each["offset"] < offset + len(piece)]
        return {"content": piece, "offset": offset, "total": len(content), "marks": known}


def timed(capsys: pytest.CaptureFixture[str], block: int = 7, **options: Any) -> str:
    context = Context(Path(), "default", Output(as_json=options.pop("as_json", False)))
    lines = [b"one\n", "zw\u00f6lf\r\n".encode(), b"\n", b"10%\rthree\n", b"end"]
    context.__dict__["system"] = Installed(Timed(lines, block))
    call(context, "run-1/build/0", **options)
    return capsys.readouterr().out


@pytest.mark.parametrize("block", [1, 2, 5, 65_536])
def test_lines_are_shown_with_the_time_at_which_they_began_to_arrive(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert timed(capsys, block, timestamps=True).split("\n") == [
        "1970-01-01 00:00:00Z one",
        "1970-01-01 00:00:02Z zw\u00f6lf",
        "1970-01-01 00:00:04Z ",
        "1970-01-01 00:00:06Z 10%",
        "1970-01-01 00:00:06Z three",
        "1970-01-01 00:00:08Z end",
        "",
    ]


def test_lines_of_a_time_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert timed(capsys, since=2 * 10**9, until=6 * 10**9) == "zw\u00f6lf\n\n"
    assert timed(capsys, since=7 * 10**9) == "end\n"
    found = json.loads(timed(capsys, since=6 * 10**9, as_json=True))
    assert found[0]["lines"] == [
        {"at_ns": 6 * 10**9, "text": "10%"},
        {"at_ns": 6 * 10**9, "text": "three"},
        {"at_ns": 8 * 10**9, "text": "end"},
    ]


def test_a_search_within_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    found = timed(capsys, search="e", since=10**9, timestamps=True)
    assert found == (
        "run-1/build/0:5: 1970-01-01 00:00:06Z three\nrun-1/build/0:6: 1970-01-01 00:00:08Z end\n"
    )


def test_lines_without_a_known_time_are_shown_but_belong_to_no_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed(Logs(b"old\n", 10))
    call(context, "run-1/build/0", timestamps=True)
    assert capsys.readouterr().out == f"{'-':20} old\n"
    call(context, "run-1/build/0", since=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2026-11-27T22:38:30+00:00"),
        ("10m", "2026-11-27T22:30:00+00:00"),
        ("2d", "2026-11-25T22:40:00+00:00"),
        ("21:05", "2026-11-27T21:05:00+00:00"),
        ("2026-11-26T01:02:03Z", "2026-11-26T01:02:03+00:00"),
        ("2026-11-26 01:02", "2026-11-26T01:02:00+00:00"),
        ("2026-11-26T01:02+02:00", "2026-11-25T23:02:00+00:00"),
    ],
)
def test_a_moment_is_so_long_ago_a_time_of_today_or_a_date(text: str, expected: str) -> None:
    now = int(datetime.fromisoformat("2026-11-27T22:40:00+00:00").timestamp()) * 10**9
    wanted = int(datetime.fromisoformat(expected).timestamp()) * 10**9
    assert moment_of(text, now) == wanted


@pytest.mark.parametrize("text", ["", "soon", "10", "-5m", "25:00", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment_of(text, 0)


CANCELLED = "by the owner"


@dataclass
class Cancelled:
    """A run that was cancelled while `build` waited for executors; `test` had no jobs yet."""

    def get_log(self, job: str, offset: int) -> dict[str, Any]:
        if job.split("/")[1] != "build":
            raise RefusedError("NotFound", f"there is no job {job}", "get_log")
        return {"content": b"", "offset": 0, "total": 0}

    def get_run(self, run: str) -> dict[str, Any]:
        stages = [{"name": name, "state": {"Skipped": None}} for name in ("build", "test")]
        return {"state": {"Cancelled": CANCELLED}, "stages": stages, "waiting_for": []}

    def list_jobs(self, run: str, page: object) -> dict[str, Any]:
        job = {"job": "run-1/build/0", "stage": "build", "replica": 0, "operator": None}
        return {"items": [{**job, "state": {"Queued": None}}], "next": None}


def cancelled(what: str, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[str, str]:
    context = Context(Path(), "default", Output())
    context.__dict__["system"] = Installed(Cancelled())
    call(context, what, **options)
    said = capsys.readouterr()
    return said.out, said.err


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("job", ["run-1/build/0", "run-1/test/0"])
def test_the_log_of_a_job_of_a_cancelled_run_says_why_there_is_none(
    job: str, follow: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = cancelled(job, capsys, follow=follow)
    assert out == ""
    assert err == f"{job} was skipped, run-1 is Cancelled: by the owner\n"


def test_the_logs_of_a_cancelled_run_say_why_there_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cancelled("run-1", capsys)[0].splitlines() == [
        "run-1/build/0  nobody",
        "run-1/build/0 was skipped, run-1 is Cancelled: by the owner",
    ]
    assert cancelled("run-1/test", capsys)[0] == (
        "run-1/test was skipped, run-1 is Cancelled: by the owner\n"
    )
    followed = cancelled("run-1", capsys, follow=True)
    assert followed == ("", "run-1 is Cancelled: by the owner\n")


def test_a_job_that_its_stage_does_not_have_is_still_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RefusedError, match="no job run-1/deploy/0"):
        cancelled("run-1/deploy/0", capsys)
    system: Any = Installed(Cancelled())
    with pytest.raises(ConfigError, match="no job or stage run-1/build/7"):
        jobs_of(system, "run-1/build/7", lambda ask: ask())
    assert jobs_of(system, "run-1/test/0", lambda ask: ask()) == []


@pytest.mark.parametrize(
    ("state", "waiting", "what", "said"),
    [
        ("Waiting", [], "run-1/test", "run-1/test is not built yet: it waits for the stages"),
        ("Building", [], "run-1/test", "run-1/test has printed nothing yet"),
        ("Building", ["no executor"], "run-1/test/0", "run-1/test/0 has printed nothing yet: no"),
        ("Building", ["no executor"], "run-1", "run-1 has printed nothing yet: no executor"),
    ],
)
def test_while_a_run_goes_on_the_reason_is_what_it_waits_for(
    state: str, waiting: list[str], what: str, said: str
) -> None:
    found: Any = {
        "run": "run-1",
        "state": {"Running": None},
        "stages": [{"name": "test", "state": {state: None}}],
        "waiting_for": [{"stage": "test", "reason": reason} for reason in waiting],
    }
    assert why_silent(found, what).startswith(said)
