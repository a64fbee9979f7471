"""Paths and branches are strangers' texts: they stand where they end, and in their order."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.cli.output import Output
from dcanary.cli.run import votes

LONG = "out/app.wasm, 9 bytes, sha256 of the release"
HEBREW = "out/\u05d0 7"


def voted(path: str) -> Any:
    """A round whose executors agree on a file, about which one was in dispute."""
    dispute = {"operator": "carol", "reason": "differs in", "differing": [path, "out/b"]}
    verdict = {
        **{"kind": {"Agreed": None}, "reason": "2 of 3 operators agree", "manifest": "a" * 64},
        "files": [{"path": path, "size": 120, "sha256": "b" * 64}],
        **{"disputes": [dispute], "flaky_tests": None},
    }
    return {"quorum": 2, "replicas": 3, "votes": [], "verdict": verdict}


def test_a_path_that_reads_like_more_is_quoted_where_votes_are_shown() -> None:
    lines = votes(voted(LONG))
    assert f'"{LONG}", 120 bytes, sha256' in lines
    assert f'dispute: carol: differs in "{LONG}", out/b' in lines


def test_a_path_from_right_to_left_does_not_turn_what_stands_after_it() -> None:
    lines = votes(voted(HEBREW))
    assert not any("\u05d0" in line for line in lines)
    assert '"out/\\u05d0 7", 120 bytes, sha256' in lines


def test_a_branch_from_right_to_left_does_not_turn_the_row_of_its_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"run": "run-1", "ref": "refs/heads/\u05d0", "commit": "12"}
    Output().table([row], ["run:id", "ref:ref:2", "commit:hash:3"], "")
    assert "refs/heads/\\u05d0  12" in capsys.readouterr().out


def test_an_item_from_right_to_left_does_not_turn_the_items_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().record({"triggers": ["push to \u05d0", "1", "\u05d1,"]}, "triggers")
    assert 'push to \\u05d0, 1, "\\u05d1,"' in capsys.readouterr().out
