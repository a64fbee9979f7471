"""What is cut says that it was."""

from __future__ import annotations

import pytest

from canisters.build_executor.runs import targets
from canisters.deployment.steps.machine import fail, waiting
from shared.rules.cutting import cut
from shared.rules.limits import MAX_TARGET_REASON_CHARS


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("ab cd", 4, "ab…"), ("", 3, "")],
)
def test_a_text_that_is_cut_ends_with_an_ellipsis(text: str, most: int, left: str) -> None:
    assert cut(text, most) == left


def test_the_reason_of_a_failed_target_is_seen_to_be_cut() -> None:
    """It ended in the middle of a word, as if that were all."""
    row = targets.new_row("counter")
    row["state"], row["approval"] = {"Releasing": None}, "approval-1"
    state = targets.after_notice(row, "Failed", "release-3: " + "x" * 600)
    assert state is not None
    why = state["Failed"]
    assert len(why) == MAX_TARGET_REASON_CHARS
    assert why.endswith("x…")


def test_the_reason_of_a_failed_release_is_seen_to_be_cut() -> None:
    progress = waiting(0)
    fail(progress, "y" * 2_000)
    assert "y…. Nothing was touched." in progress["state"]["Failed"]
