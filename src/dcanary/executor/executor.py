"""The executor's loop: lease, build, commit, reveal, upload.

One thread talks to the chain; a build runs in another, so that its lease is kept, its log is sent
and earlier jobs are revealed meanwhile. What has been attested to is on disk before it is sent.
"""

import signal
import threading
import time
from pathlib import Path
from typing import Any, cast

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import (
    BuildWork,
    GiveBackCause,
    Heartbeat,
    LeaseRequest,
    UploadWork,
)
from dcanary.client.types.verification import Outcome, RevealInput, Round, Verdict, Vote
from dcanary.executor.attestation import Attestation
from dcanary.executor.building import Build, BuildReport
from dcanary.executor.causes import Cause, cause_of
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.logs import LogBuffer
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.runtimes import Runtime, RuntimeOptions, RuntimeUnavailable, find_runtime
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.executor.source import SourceError
from dcanary.executor.state import HeldJob, State
from dcanary.executor.transfer import fetch_inputs, upload_files

MAX_LOG_BYTES = 1024 * 1024
MAX_LOG_CHUNK_BYTES = 64 * 1024
MAX_HELD_JOBS = 256
_LONGEST_PAUSE_SECONDS = 30.0
_TICK_SECONDS = 0.1
_TEND_SECONDS = 2.0
# Longer than any round lasts, and its opening may be delayed before that.
_ROUND_SECONDS = 4 * 3_600.0


class Executor:
    """One executor: a key on a chain, a folder, a sandbox.

    Raises StateError when the folder cannot be used.
    """

    def __init__(self, chain: Chain, config: ExecutorConfig) -> None:
        self._chain, self._config = chain, config
        self._state = State(config.folder)
        self._runtimes: dict[str, Runtime] = {}
        self._stopping = threading.Event()
        self._next_tend = 0.0

    def prepare(self) -> dict[str, str]:
        """Find the runtimes. Returns what is missing: runtime -> why.

        Raises RuntimeUnavailable when there is none at all.
        """
        options = RuntimeOptions(
            self._state.tools,
            sandboxed=not isinstance(self._config.sandbox, UnsandboxedRunner),
            node_modules=self._config.node_modules,
            template=self._config.template,
        )
        missing: dict[str, str] = {}
        for name in self._config.runtimes:
            try:
                self._runtimes[name] = find_runtime(name, options)
            except RuntimeUnavailable as error:
                missing[name] = str(error)
                self._config.report(f"without the runtime {name}: {error}")
        if not self._runtimes:
            raise RuntimeUnavailable("; ".join(missing.values()) or "no runtime is asked for")
        return missing

    def run_forever(self) -> None:
        """Work until `stop` is called or SIGTERM or SIGINT arrives (in the main thread)."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop())
        pause = self._config.poll_seconds
        while not self._stopping.is_set():
            try:
                busy = self.run_once()
                pause = self._config.poll_seconds
            except (ClientError, OSError) as error:
                busy = False
                pause = min(max(pause, 0.5) * 2, _LONGEST_PAUSE_SECONDS)
                self._config.report(f"{error}; trying again in {pause:.0f} s")
            if not busy:
                self._stopping.wait(pause)
        self.close()

    def run_once(self) -> bool:
        """Do what is due, and one piece of work if there is any; whether something was done.

        Raises ClientError (or a kind of it) when the chain does not answer as it should.
        """
        if not self._runtimes:
            self.prepare()
        busy = self._tend()
        if self._stopping.is_set():
            return busy
        request: LeaseRequest = {"holds": self._holds()}
        if not self._chain.has_work(request):
            return busy
        work = self._chain.lease_work(request)
        if work is None:
            return busy
        if "Upload" in work:
            self._upload(work["Upload"])
        else:
            self._build(work["Build"])
        return True

    def stop(self) -> None:
        """Finish soon: a running build is given back, what is committed stays in the folder."""
        self._stopping.set()

    def close(self) -> None:
        """Let another executor use the folder."""
        self._state.close()

    def _holds(self) -> list[str]:
        held = [each.job for each in self._state.held() if each.phase in ("revealed", "agreed")]
        return held[-MAX_HELD_JOBS:]

    # Building

    def _build(self, work: BuildWork) -> None:
        job = work["job"]
        runtime = self._runtimes.get(next(iter(work["stage"]["runtime"])).lower())
        if runtime is None:
            self._release(work, "this executor lacks the stage's runtime", "Unable")
            return
        if work["stage"]["resources"]["network"] and not self._config.allow_network:
            self._release(
                work, "the stage asks for the network, which this executor gives none", "Unable"
            )
            return
        self._config.report(f"{job}: building {work['source']['sha'][:12]}")
        log = LogBuffer(self._config.secrets, MAX_LOG_BYTES)
        with self._state.scratch() as folder:
            try:
                inputs = fetch_inputs(self._chain, work)
            except SourceError as error:
                cause, said = cause_of(error)
                self._release(work, said, cause)
                return
            build = Build(
                work, inputs, runtime, self._config.sandbox, self._config.checkout, folder, log
            )
            build.start()
            lease = _Lease(self._chain, work, log, self._config)
            try:
                self._accompany(build, lease)
            finally:
                build.cancel()
                while not build.wait(1.0):
                    pass
            self._conclude(build, lease, runtime)

    def _accompany(self, build: Build, lease: "_Lease") -> None:
        """Keep the lease, send the log and tend to other jobs until the build has ended."""
        while not build.wait(_TICK_SECONDS):
            lease.keep()
            if lease.is_over or self._stopping.is_set():
                return
            try:
                self._tend()
            except ClientError as error:
                self._config.report(f"{error}")

    def _conclude(self, build: Build, lease: "_Lease", runtime: Runtime) -> None:
        work, report = build.work, build.report
        assert report is not None
        if lease.is_over:
            self._config.report(f"{work['job']}: {lease.why_over}")
            return
        if report.cancelled:
            self._release(work, "the executor is stopping", "Stopping")
            return
        if report.error:
            self._release(work, report.error, report.cause)
            return
        lease.finish()
        files = self.files_to_attest(report.files, build.files_folder)
        attestation = Attestation(
            work["job"], report.reason, runtime.digest, files, commit=report.commit
        )
        held = _held(work, attestation, report)
        self._state.keep(held, build.files_folder)
        self._config.report(f"{held.job}: {attestation.outcome}")
        self.send_commitment(held)
        for forgotten in self._state.trim(self._config.max_held_bytes, MAX_HELD_JOBS):
            self._config.report(f"{forgotten}: its files were removed to make room")

    def files_to_attest(
        self, files: tuple[ManifestFile, ...], folder: Path
    ) -> tuple[ManifestFile, ...]:
        """The manifest to attest to, of what was built and is kept in `folder`: all of it."""
        return files

    def _release(self, work: Any, reason: str, cause: Cause) -> None:
        self._config.report(f"{work['job']}: given back: {reason}")
        given: GiveBackCause = cast(GiveBackCause, {cause: None})
        try:
            self._chain.release_work(
                {
                    "job": work["job"],
                    "attempt": work["attempt"],
                    "cause": given,
                    "reason": reason[:400],
                }
            )
        except RefusedError as error:
            self._config.report(f"{error}")

    # Committing and revealing

    def _tend(self) -> bool:
        """Commit, reveal and forget what is due; at most every few seconds."""
        if time.monotonic() < self._next_tend:
            return False
        self._next_tend = time.monotonic() + min(_TEND_SECONDS, self._config.poll_seconds)
        busy = False
        for held in self._state.held():
            if held.phase == "built":
                self.send_commitment(held)
                busy = True
            elif held.phase in ("committed", "revealed"):
                busy = self._follow(held) or busy
        return busy

    def send_commitment(self, held: HeldJob) -> None:
        """Commit to what is held. Again after a restart: the chain takes the same one twice."""
        try:
            self._chain.submit_commitment(
                {
                    "job": held.job,
                    "attempt": held.attempt,
                    "commitment": held.attestation.commitment(),
                    "wall_ns": held.wall_ns,
                    "peak_memory_bytes": held.peak_memory_bytes,
                }
            )
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
            self._settle(held, round_)
            return True
        if "Reveal" in round_["phase"] and held.phase == "committed":
            self.send_reveal(held)
            return True
        return False

    def _settle(self, held: HeldJob, round_: Round) -> None:
        verdict = round_["verdict"]
        if verdict is not None and held.job in verdict["jobs"] and held.attestation.files:
            self._state.advance(held, "agreed")
        else:
            self._state.forget(held.job)
        self._config.report(f"{held.job}: verdict: {_verdict_text(verdict)}")

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
        attestation, commit = held.attestation, held.attestation.commit
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
        }

    def _vote(self, held: HeldJob) -> Vote | None:
        try:
            round_ = self._chain.get_round(held.run, held.stage)
        except RefusedError:
            return None
        return next((vote for vote in round_["votes"] if vote["job"] == held.job), None)

    # Uploading

    def _upload(self, work: UploadWork) -> None:
        held = self._state.get(work["job"])
        if held is None:
            self._config.report(f"{work['job']}: asked for files that are not here any more")
            return
        self._config.report(f"{held.job}: uploading {len(work['files'])} files")
        try:
            upload_files(self._chain, work, self._state)
        except (RefusedError, FileNotFoundError) as error:
            self._config.report(f"{held.job}: the upload is refused: {error}")
            return
        self._state.forget(held.job)
        self._config.report(f"{held.job}: uploaded")


class _Lease:
    """One job's lease: kept by heartbeats, which carry the log."""

    def __init__(
        self, chain: Chain, work: BuildWork, log: LogBuffer, config: ExecutorConfig
    ) -> None:
        self._chain, self._work, self._log, self._config = chain, work, log, config
        self._offset = 0
        self._last = time.monotonic()
        self.why_over = ""

    @property
    def is_over(self) -> bool:
        return bool(self.why_over)

    def keep(self) -> None:
        """Send a heartbeat when one is due, or when there is log to send."""
        since = time.monotonic() - self._last
        chunk = self._log.peek(MAX_LOG_CHUNK_BYTES)
        if since >= self._config.heartbeat_seconds or (chunk and since >= self._config.log_seconds):
            self._beat(chunk)

    def finish(self) -> None:
        """Send what is left of the log. What cannot be sent is lost: the vote matters more."""
        while not self.is_over and (chunk := self._log.peek(MAX_LOG_CHUNK_BYTES)):
            if not self._beat(chunk):
                return

    def _beat(self, chunk: bytes) -> bool:
        self._last = time.monotonic()
        beat: Heartbeat = {
            "job": self._work["job"],
            "attempt": self._work["attempt"],
            "offset": self._offset,
            "log": chunk,
            "phase": None,
        }
        try:
            answer = self._chain.heartbeat(beat)
        except RefusedError as error:
            if error.kind not in ("Unavailable", "Exhausted"):
                self.why_over = f"the lease is lost: {error}"
            return False
        except ClientError as error:
            # The lease may outlive a short silence of the network, so go on building.
            self._config.report(f"{error}")
            return False
        self._log.sent(len(chunk))
        self._offset += len(chunk)
        if answer["cancelled"]:
            self.why_over = "cancelled: the run does not want it any more"
        return True


def _held(work: Any, attestation: Attestation, report: BuildReport) -> HeldJob:
    return HeldJob(
        run=work["run"],
        stage=work["stage"]["name"],
        attempt=work["attempt"],
        attestation=attestation,
        wall_ns=report.wall_ns,
        peak_memory_bytes=report.peak_memory_bytes,
        phase="built",
        since=time.time(),
    )


def _verdict_text(verdict: Verdict | None) -> str:
    if verdict is None:
        return "none"
    kind = next(iter(verdict["kind"]))
    return f"{kind}: {verdict['reason']}" if verdict["reason"] else kind
