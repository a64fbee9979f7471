"""Following runs live: every lease, commitment, reveal, verdict and upload, as the chain has it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from dcanary.cli.demo.reporter import Reporter
from dcanary.cli.operations.watch import BUILT_RUN, ENDED_RUN, describe, state_of
from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.system import System
from dcanary.client.types.build_executor import Run, StageStatus

POLL_SECONDS = 0.25


class Follower:
    """Tells each change of some runs once, until all have ended."""

    def __init__(self, system: System, reporter: Reporter) -> None:
        self._system = system
        self._reporter = reporter
        self._told: dict[str, str] = {}
        self._when: dict[str, float] = {}

    def until_ended(self, runs: Sequence[str], timeout: float) -> dict[str, Run]:
        """The runs when all have ended. Raises ClientError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        ended: dict[str, Run] = {}
        while len(ended) < len(runs):
            for run in runs:
                if run in ended:
                    continue
                found = self._look(run)
                if found is not None and state_of(found) in (*ENDED_RUN, *BUILT_RUN):
                    ended[run] = found
            if time.monotonic() > deadline:
                waiting = ", ".join(run for run in runs if run not in ended)
                raise ClientError(f"{waiting}: not ended within {timeout:.0f} s")
            if len(ended) < len(runs):
                time.sleep(POLL_SECONDS)
        return ended

    def _tell(self, key: str, value: str, text: str, **data: Any) -> None:
        if self._told.get(key) != value:
            self._told[key] = value
            self._when[key] = self._reporter.elapsed()
            self._reporter.detail(text, **data)

    def summarise(self, found: Run) -> None:
        """One table per run: who built which stage when, and what each operator voted."""
        run = found["run"]
        rows = []
        for stage in found["stages"]:
            place = f"{run} {stage['name']}"
            voted = self._system.verification.get_round(run, stage["name"])
            for vote in sorted(voted["votes"], key=lambda one: str(one["operator"])):
                key = f"{place} {vote['operator']}"
                agreed = voted["verdict"] and vote["job"] in voted["verdict"]["jobs"]
                rows.append(
                    {
                        "run": run,
                        "stage": stage["name"],
                        "operator": vote["operator"],
                        "executor": vote["executor"],
                        "leased": self._time(vote["job"]),
                        "committed": self._time(f"{key} committed"),
                        "revealed": self._time(f"{key} revealed"),
                        "manifest": vote["manifest"],
                        "vote": "agreed" if agreed else "disputed",
                    }
                )
        columns = [
            "run:id",
            "stage:id:6",
            "operator:id",
            "executor:principal:5",
            "leased:id:3",
            "committed:id:2",
            "revealed:id:4",
            "manifest:hash:1",
            "vote:id",
        ]
        self._reporter.table(rows, columns)

    def _time(self, key: str) -> str:
        seen = self._when.get(key)
        return "-" if seen is None else f"{seen:.1f} s"

    def _look(self, run: str) -> Run | None:
        try:
            found = self._system.build_executor.get_run(run)
        except RefusedError as error:
            if error.kind == "NotFound":
                return None  # accepted by the webhook, not yet queued
            raise
        name = found["source"]["repository"]
        jobs = self._system.build_executor.list_jobs(run, {"cursor": None, "limit": 100})
        for job in sorted(jobs["items"], key=lambda item: str(item["job"])):
            state = state_of(job)
            if state == "Leased":
                self._tell(
                    job["job"],
                    f"{state}{job['attempt']}",
                    f"{run} {job['stage']}: {job['operator']} builds {name}",
                    run=run,
                    job=job["job"],
                    operator=job["operator"],
                )
        for stage in found["stages"]:
            self._look_at_stage(run, stage)
        self._tell(run, describe(found["state"]), f"{run} is {describe(found['state'])}", run=run)
        return found

    def _look_at_stage(self, run: str, stage: StageStatus) -> None:
        if {"Waiting", "Skipped"} & set(stage["state"]):
            return
        try:
            voted = self._system.verification.get_round(run, stage["name"])
        except RefusedError:
            return
        place = f"{run} {stage['name']}"
        for vote in voted["votes"]:
            key = f"{place} {vote['operator']}"
            self._tell(f"{key} committed", "", f"{place}: {vote['operator']} committed (sealed)")
            if vote["outcome"] is not None:
                self._tell(
                    f"{key} revealed",
                    "",
                    f"{place}: {vote['operator']} revealed {vote['manifest'][:16]}… "
                    f"{describe(vote['outcome'])}",
                    run=run,
                    operator=vote["operator"],
                    manifest=vote["manifest"],
                )
        verdict = voted["verdict"]
        if verdict is None:
            return
        self._tell(
            f"{place} verdict",
            "",
            f"{place}: verdict {describe(verdict['kind'])}: {verdict['reason']}",
            run=run,
            verdict=describe(verdict["kind"]),
        )
        for dispute in verdict["disputes"]:
            self._tell(
                f"{place} dispute {dispute['operator']}",
                "",
                f"{place}: {dispute['operator']} disagrees: {dispute['reason']}",
            )
        for path in stage["stored"]:
            self._tell(
                f"{place} {path}", "", f"{place}: {path} is stored, hash recomputed on chain"
            )
