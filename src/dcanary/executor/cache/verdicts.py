"""What a verdict says about a result that is kept, or may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dcanary.client.types.verification import Verdict
from dcanary.executor.cache.results import Result, Results
from dcanary.executor.state import HeldJob


def follow_verdict(
    results: Results,
    held: HeldJob,
    verdict: Verdict,
    file: Callable[[str], Path],
    say: Callable[[str], None],
) -> None:
    """Keep what operators agreed on, and remove what was used again and is not what they built.

    `file` finds the files of the job by their sha256.
    """
    reusable = held.reusable
    if reusable is None:
        return
    if reusable.reused:
        if is_refuted(held.job, verdict):
            results.remove(reusable.key)
            say(
                f"{held.job}: the result of {reusable.reused}, which was used again, is not what "
                "the other operators have: it is removed. Find out who can write in this "
                "executor's folder"
            )
        return
    if not may_be_kept(held, verdict):
        return
    result = Result(
        reusable.key,
        held.run,
        held.stage,
        reusable.repository,
        reusable.ref,
        held.attestation.files,
        held.attestation.tests,
        time.time(),
    )
    results.keep(result, file, lambda said: say(f"{held.job}: {said}"))


def may_be_kept(held: HeldJob, verdict: Verdict) -> bool:
    """Whether a result is agreed on, and every test of it said the same to all operators."""
    return (
        "Agreed" in verdict["kind"]
        and held.job in verdict["jobs"]
        and not held.attestation.reason
        and not verdict["flaky_tests"]
    )


def is_refuted(job: str, verdict: Verdict) -> bool:
    """Whether operators have built something else, or a quorum has not found itself."""
    # Too few votes say nothing about a result.
    return "Inconclusive" not in verdict["kind"] and job not in verdict["jobs"]
