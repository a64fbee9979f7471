"""What is kept after a verdict, and what is thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.attestation import Attestation
from dcanary.executor.cache.key import Reusable
from dcanary.executor.cache.results import Results
from dcanary.executor.cache.verdicts import follow_verdict
from dcanary.executor.state import HeldJob

KEY = "ab" * 32
JOB = "run-2/build/0"
BUILT = Reusable(KEY, "counter", "refs/heads/main")
USED_AGAIN = replace(BUILT, reused="run-1")
FLAKY = [{"test": "a", "failed": ["alice"], "passed": ["bob"]}]


def held(reusable: Reusable | None, reason: str = "") -> HeldJob:
    attestation = Attestation(JOB, reason, "0" * 64, ())
    return HeldJob("run-2", "build", 1, attestation, 1, 1, "revealed", 1.0, reusable)


def verdict(kind: str, *jobs: str, flaky: Any = None) -> Any:
    return {"kind": {kind: None}, "jobs": list(jobs), "flaky_tests": flaky}


def follow(folder: Path, job: HeldJob, given: Any) -> tuple[list[str], list[str]]:
    """The runs whose results are kept then, and what was said."""
    results, said = Results(folder), list[str]()
    follow_verdict(results, job, given, lambda _: folder, said.append)
    return [each.run for each in results.all()], said


@pytest.mark.parametrize(
    ("job", "given", "kept"),
    [
        (held(BUILT), verdict("Agreed", JOB), ["run-2"]),
        (held(BUILT), verdict("Agreed", JOB, flaky=[]), ["run-2"]),
        (held(BUILT), verdict("Agreed", "run-2/build/1"), []),
        (held(BUILT), verdict("Agreed", JOB, flaky=FLAKY), []),
        (held(BUILT), verdict("Disagreed"), []),
        (held(BUILT), verdict("Inconclusive"), []),
        (held(BUILT, "command"), verdict("Failed", JOB), []),
        (held(None), verdict("Agreed", JOB), []),
    ],
)
def test_only_what_was_agreed_on_is_kept(
    tmp_path: Path, job: HeldJob, given: Any, kept: list[str]
) -> None:
    assert follow(tmp_path, job, given) == (kept, [])


@pytest.mark.parametrize(
    ("given", "stays"),
    [
        (verdict("Agreed", JOB), True),
        (verdict("Inconclusive"), True),
        (verdict("Agreed", "run-2/build/1"), False),
        (verdict("Disagreed"), False),
        (verdict("Failed", "run-2/build/1"), False),
    ],
)
def test_what_was_used_again_and_is_not_what_others_have_is_removed_and_said(
    tmp_path: Path, given: Any, stays: bool
) -> None:
    before = replace(held(BUILT), run="run-1")
    assert follow(tmp_path, before, verdict("Agreed", JOB)) == (["run-1"], [])
    kept, said = follow(tmp_path, held(USED_AGAIN), given)
    assert kept == (["run-1"] if stays else [])
    assert (said == []) is stays
    if not stays:
        assert said[0].startswith(f"{JOB}: the result of run-1, which was used again, is not what")
