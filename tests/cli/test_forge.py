"""`forge deliveries`: what became of a push, and why nothing did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli import forge
from dcanary.cli.context import Context
from dcanary.cli.operations import forge as operations
from dcanary.cli.output import Output
from dcanary.forge import Delivery

WRONG = (
    "the payload is not of repository shop: its clone_url is http://127.0.0.1:8000/shop.git, "
    "registered is http://127.0.0.1:8000/shopp.git"
)


def delivery(number: int, answer: Any, **changed: Any) -> Delivery:
    fields: dict[str, Any] = {
        "delivery": f"0b1f2d3c-0000-4000-8000-{number:012}",
        "repository": "shop",
        "event": "push",
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": "a" * 40,
        "state": "delivered",
        "attempts": 1,
        "status": 200,
        "response": answer if isinstance(answer, str) else json.dumps(answer) + "\n",
        "error": "",
        "created": 0.0,
        "updated": 0.0,
    }
    return Delivery(**{**fields, **changed})


REFUSED = {"status": "error", "error": WRONG}
FOUND = [
    delivery(1, REFUSED, state="failed", status=400),
    delivery(2, {"status": "accepted", "delivery": "x", "run": "run-7"}, status=202),
    delivery(3, REFUSED, state="failed", status=400),
    delivery(4, {"status": "ignored", "reason": "ignored, because no trigger wants it"}),
    delivery(5, "", state="retrying", status=None, error="connection refused"),
    delivery(6, "<html>no such host</html>", state="failed", status=404),
]


@pytest.fixture
def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    def show(**how: bool) -> str:
        monkeypatch.setattr(operations, "deliveries", lambda root, name: FOUND)
        command: Any = forge.deliveries
        command.callback.__wrapped__(Context(tmp_path, "default", Output(**how)), "shop")
        return capsys.readouterr().out

    return show


def test_the_reason_of_a_refusal_is_shown_whole(
    shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was to be seen of it at 80 columns was `{"status": "…`."""
    monkeypatch.setenv("COLUMNS", "80")
    printed = shown()
    assert all(len(line) <= 80 for line in printed.splitlines())
    told = " ".join(printed.split())
    assert f"{FOUND[2].delivery} and 1 before it: {WRONG}" in told
    assert f"{FOUND[3].delivery}: ignored, because no trigger wants it" in told
    assert f"{FOUND[4].delivery}: connection refused" in told
    assert f"{FOUND[5].delivery}: <html>no such host</html>" in told
    assert "{" not in printed
    rows = printed.splitlines()
    assert rows[2].split()[:4] == [FOUND[1].delivery, "main", "delivered", "202"]
    assert "accepted run-7" in rows[2]


def test_programs_get_the_answers_as_they_came(shown: Any) -> None:
    rows = json.loads(shown(as_json=True))
    assert [row["response"] for row in rows] == [one.response for one in FOUND]
    assert "answer" not in rows[0]
    assert shown(quiet=True).split() == [one.delivery for one in FOUND]


@pytest.mark.parametrize("state", ["queued", "delivered"])
@pytest.mark.parametrize("url", [None, "http://127.0.0.1:8000"])
def test_what_waits_for_a_forge_that_does_not_run_says_so(
    state: Any,
    url: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    found = [delivery(1, "", state=state, status=None)]
    monkeypatch.setattr(operations, "deliveries", lambda root, name: found)
    monkeypatch.setattr(operations, "running_url", lambda root: url)
    command: Any = forge.deliveries
    command.callback.__wrapped__(Context(tmp_path, "default", Output()), "shop")
    told = "dcanary forge start --background" in capsys.readouterr().out
    assert told == (state == "queued" and url is None)
