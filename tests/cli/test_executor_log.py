"""`executor log` shows the whole log of a job, and whether it is what was committed to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.context import Context
from dcanary.cli.errors import UsageTrouble
from dcanary.cli.executor_log import log
from dcanary.cli.operations.watch import Ended
from dcanary.cli.output import Output
from dcanary.client.errors import NetworkError

WHOLE = b"\x1b[2Jfirst\nlast\n"


@dataclass
class Jobs:
    """A run of one job, whose executor committed to a whole log."""

    sha256: str | None
    reachable: bool = True

    def list_jobs(self, run: str, page: object) -> dict[str, Any]:
        if not self.reachable:
            raise NetworkError("the network does not answer")
        job = {"job": "run-1/build/0", "stage": "build", "replica": 0, "attempt": 2}
        return {"items": [{**job, "log_sha256": self.sha256}], "next": None}


@dataclass
class Installed:
    build_executor: Jobs


@pytest.fixture
def context(tmp_path: Path) -> Context:
    found = Context(tmp_path, "default", Output())
    logs = found.home / "executors/alice/state/logs"
    logs.mkdir(parents=True)
    (logs / "run-1~build~0~1.log").write_bytes(b"earlier\n")
    (logs / "run-1~build~0~2.log").write_bytes(WHOLE)
    return found


def call(context: Context, jobs: Jobs | None = None, **options: Any) -> None:
    context.__dict__["system"] = Installed(jobs or Jobs(None))
    given = {"attempt": None, "into": None, "color": False, **options}
    name, job = given.pop("name", "alice"), given.pop("job", "run-1/build/0")
    log.callback.__wrapped__(context, name, job, **given)  # type: ignore[union-attr]  # of click


def test_the_latest_attempt_is_shown_unless_another_is_named(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    call(context)
    assert capsys.readouterr().out == "\\x1b[2Jfirst\nlast\n"
    call(context, attempt=1)
    assert capsys.readouterr().out == "earlier\n"


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        (Jobs(hashlib.sha256(WHOLE).hexdigest()), "the same"),
        (Jobs(None), "not known"),
        (Jobs("0" * 64, reachable=False), "not known"),
    ],
)
def test_a_log_is_written_byte_by_byte_and_compared(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: Jobs, said: str
) -> None:
    call(context, jobs, into=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == WHOLE
    assert said in capsys.readouterr().out


def test_a_log_that_was_changed_is_told(context: Context, tmp_path: Path) -> None:
    with pytest.raises(Ended, match="other bytes"):
        call(context, Jobs("0" * 64), into=tmp_path / "copy")


@pytest.mark.parametrize(
    "options", [{"job": "run-2/build/0"}, {"attempt": 3}, {"name": "bob"}], ids=str
)
def test_a_log_that_is_not_here_is_told_with_where_its_ends_are(
    context: Context, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageTrouble, match="no whole log"):
        call(context, **options)
