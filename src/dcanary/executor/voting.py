"""From a finished build to the verdict: commit, reveal, keep files while they may be asked for.

What has been attested to is on disk before it is sent, and a killed executor goes on from there.
"""

import time
from typing import cast

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import CommitmentInput, GiveBackCause
from dcanary.client.types.verification import Outcome, RevealInput, Round, Verdict, Vote
from dcanary.executor.attestation import Attestation
from dcanary.executor.cache.results import Results
from dcanary.executor.cache.verdicts import follow_verdict
from dcanary.executor.causes import Cause, cause_of
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.kept import KeptFiles
from dcanary.executor.state import HeldJob, State
from dcanary.objects import ObjectError

_TEND_SECONDS = 2.0
# MAX_TEXT_CHARS of shared/rules/limits.py bounds it; a person reads less.
_REASON_CHARS = 400
# Longer than any round lasts, and its opening may be delayed before that.
_ROUND_SECONDS = 8 * 24 * 3_600.0


class Voter:
    """Follows the jobs that an executor has attested to. For one thread."""

    def __init__(self, chain: Chain, state: State, config: ExecutorConfig) -> None:
        self._chain, self._state, self._config = chain, state, config
        self._results = Results(config.folder / "cache", config.cache_bytes)
        self._kept = KeptFiles(config.folder / "kept")
        self._next_tend = 0.0

    def tend(self) -> bool:
        """Commit, reveal and forget what is due; at most every few seconds."""
        if time.monotonic() < self._next_tend:
            return False
        self._next_tend = time.monotonic() + min(_TEND_SECONDS, self._config.poll_seconds)
        busy = False
        trouble: RefusedError | OSError | None = None
        for held in self._state.held():
            try:
                if held.phase == "built":
                    self.send_commitment(held)
                    busy = True
                elif held.phase in ("committed", "revealed"):
                    busy = self._follow(held) or busy
            except (RefusedError, OSError) as error:
                # One job's trouble must not keep the others from being revealed.
                trouble = error
            except ClientError:
                raise
            except Exception as error:
                self.set_aside(held, error)
        if trouble is not None:
            raise trouble
        return busy

    def set_aside(self, held: HeldJob, error: Exception) -> None:
        """Go on without a job that cannot be worked with, and give back what is left of it.

        It would be met again in each turn and after each start, and end the executor each time.
        """
        cause, said = cause_of(error)
        self._config.report(f"{held.job}: set aside: {said}")
        self._state.set_aside(held.job, said)
        try:
            self.release(held.job, held.attempt, said, cause)
        except ClientError as problem:
            # The lease, where there still is one, runs out by itself.
            self._config.report(f"{problem}")

    def release(self, job: str, attempt: int, reason: str, cause: Cause) -> None:
        """Give a leased job back. A refusal is reported. Raises ClientError."""
        try:
            self._chain.release_work(
                {
                    "job": job,
                    "attempt": attempt,
                    "cause": cast(GiveBackCause, {cause: None}),
                    "reason": reason[:_REASON_CHARS],
                }
            )
        except RefusedError as error:
            self._config.report(f"{job}: not given back: {error.sentence}")

    def send_commitment(self, held: HeldJob) -> None:
        """Commit to what is held. Again after a restart: the chain takes the same one twice."""
        try:
            self._chain.submit_commitment(commitment_of(held, held.attestation))
        except RefusedError as error:
            if error.kind in ("Unavailable", "Exhausted"):
                raise
            # An answer to an earlier attempt may have been lost: then the vote is there.
            if self._vote(held) is None:
                self._config.report(f"{held.job}: the commitment is refused: {error}")
                self._state.forget(held.job)
                return
        self._state.advance(held, "committed")
        self._next_tend = 0.0

    def _follow(self, held: HeldJob) -> bool:
        """Reveal when the round asks for it; keep the files while they may be asked for."""
        try:
            round_ = self._chain.get_round(held.run, held.stage)
        except RefusedError as error:
            if error.kind != "NotFound":
                raise
            # `build_executor` opens the round by a message that may still be on its way: a
            # commitment that was taken must not be thrown away for that.
            if time.time() - held.since < _ROUND_SECONDS:
                return False
            self._state.forget(held.job)
            return True
        if "Closed" in round_["phase"]:
            self._follow_verdict(held, round_)
            return True
        if "Reveal" in round_["phase"] and held.phase == "committed":
            self.send_reveal(held)
            return True
        return False

    def _follow_verdict(self, held: HeldJob, round_: Round) -> None:
        verdict = round_["verdict"]
        if verdict is not None:
            follow_verdict(
                self._results,
                held,
                verdict,
                lambda sha256: self._state.file(held.job, sha256),
                self._config.report,
            )
        is_ours = verdict is not None and held.job in verdict["jobs"]
        if is_ours and held.attestation.files and not held.keeps:
            self._state.advance(held, "agreed")
        else:
            if is_ours:
                self._keep(held)
            self._state.forget(held.job)
        self._config.report(f"{held.job}: verdict: {_verdict_text(verdict)}")

    def _keep(self, held: HeldJob) -> None:
        """Keep agreed files that are not to be uploaded, for stages that depend on them."""
        try:
            self._kept.keep(held.attestation.files, self._state.files(held.job))
        except (ObjectError, OSError) as error:
            self._config.report(f"{held.job}: its files are not kept: {error}")

    def send_reveal(self, held: HeldJob) -> None:
        """Reveal what was committed to."""
        try:
            self._chain.reveal(self.revelation(held))
        except RefusedError as error:
            if error.kind in ("Unavailable", "Exhausted"):
                raise
            self._config.report(f"{held.job}: the reveal is refused: {error}")
            # Too early or too late: the round tells by itself, and queries may be answered wrong.
            if error.kind != "Conflict":
                self._state.forget(held.job)
            return
        self._state.advance(held, "revealed")
        self._config.report(f"{held.job}: revealed")

    def revelation(self, held: HeldJob) -> RevealInput:
        """The RevealInput of a job."""
        attestation = held.attestation
        commit, tests = attestation.commit, attestation.tests
        outcome: Outcome = (
            {"Failed": attestation.reason} if attestation.reason else {"Succeeded": None}
        )
        return {
            "job": held.job,
            "run": held.run,
            "stage": held.stage,
            "outcome": outcome,
            "environment": attestation.environment,
            "files": [
                {"path": file.path, "size": file.size, "sha256": file.sha256}
                for file in attestation.files
            ],
            "nonce": attestation.nonce,
            "commit": None
            if commit is None
            else {"author": commit.author, "message": commit.message},
            "tests": None
            if tests is None
            else {
                "ran": tests.ran,
                "skipped": tests.skipped,
                "failed_count": tests.failed_count,
                "failed": list(tests.failed),
            },
        }

    def _vote(self, held: HeldJob) -> Vote | None:
        try:
            round_ = self._chain.get_round(held.run, held.stage)
        except RefusedError:
            return None
        return next((vote for vote in round_["votes"] if vote["job"] == held.job), None)


def commitment_of(held: HeldJob, attestation: Attestation) -> CommitmentInput:
    """The CommitmentInput of a job to an attestation, with what the job used."""
    reusable = held.reusable
    return {
        "job": held.job,
        "attempt": held.attempt,
        "commitment": attestation.commitment(),
        "wall_ns": held.wall_ns,
        "peak_memory_bytes": held.peak_memory_bytes,
        "reused": reusable.reused or None if reusable else None,
        "cpu_ns": held.cpu_ns,
        "storage_bytes": held.storage_bytes,
        "fetched_bytes": held.fetched_bytes,
        "log_sha256": held.log_sha256,
        "log_total": held.log_total,
    }


def _verdict_text(verdict: Verdict | None) -> str:
    if verdict is None:
        return "none"
    kind = next(iter(verdict["kind"]))
    return f"{kind}: {verdict['reason']}" if verdict["reason"] else kind
