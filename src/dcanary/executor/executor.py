"""The executor's loop: announce, lease, build in slots, commit, reveal, upload.

One thread leases, commits and reveals; each slot has its own threads and connections, so that
leases are kept, logs are sent and earlier jobs are revealed whatever a build does.
"""

import contextlib
import random
import signal
import threading
import time
from pathlib import Path

from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.types.build_executor import (
    BuildWork,
    ExecutorOffer,
    LeaseRequest,
    ResolveWork,
    Room,
    Stage,
    UploadWork,
    Work,
)
from dcanary.executor import standing
from dcanary.executor.attestation import Attestation
from dcanary.executor.building import BuildReport
from dcanary.executor.causes import Cause, cause_of, described
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.contact import Contact
from dcanary.executor.manifest import ManifestFile
from dcanary.executor.offer import OFFER_SECONDS
from dcanary.executor.own_runtimes import OwnRuntimes
from dcanary.executor.packages import Packages
from dcanary.executor.performing import BuildSlot, Slot, UploadSlot
from dcanary.executor.resolving import ResolveSlot
from dcanary.executor.runtimes import Runtime
from dcanary.executor.state import HeldJob, State
from dcanary.executor.voting import Voter
from dcanary.executor.whole_logs import LogDigest

MAX_HELD_JOBS = 256
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_WEATHER_SECONDS = 8.0
# Refs that are read at a time, beside the jobs in the slots: git waits for a server then, and has
# hardly anything to do.
READS_AT_A_TIME = 2
DENIED_SECONDS = 10.0
_LONGEST_DENIED_SECONDS = 120.0
_TICK_SECONDS = 0.1
LEAVING_SECONDS = 5.0


class Executor(Voter):
    """One executor: a key on a chain, a folder, a sandbox.

    Raises StateError when the folder cannot be used.
    """

    def __init__(self, chain: Chain, config: ExecutorConfig) -> None:
        super().__init__(chain, State(config.folder), config)
        self._runtimes = OwnRuntimes(config, self._state.tools)
        self._offer: ExecutorOffer | None = None
        self._next_offer, self.denied_pause = 0.0, DENIED_SECONDS
        self._packages = config.packages or Packages.of_this_machine(config.folder / "packages")
        self._slots: list[Slot] = []
        self._news, self._stopping = threading.Event(), threading.Event()
        self._storms, self._told = 0, ""
        self._next_lease = 0.0
        self._contact = Contact(config.contact_seconds)
        self._interrupted = self._state.noted_leases()
        standing.note(config.folder, "starting")

    def prepare(self) -> dict[str, str]:
        """Find the runtimes. Returns what is missing: runtime -> why.

        Raises RuntimeUnavailable when there is none at all.
        """
        return self._runtimes.find()

    def run_forever(self) -> None:
        """Work until `stop` is called or SIGTERM or SIGINT arrives (in the main thread)."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop())
        pause = self._config.poll_seconds
        while True:
            self._news.clear()
            if self._stopping.is_set():
                break
            try:
                busy = self._turn()
                pause = self._config.poll_seconds
            except Exception as error:
                # Whatever it is, to end would be worse: other jobs wait to be revealed.
                busy = False
                pause = min(max(pause, 0.5) * 2, _LONGEST_PAUSE_SECONDS)
                said = described(error)
                self._config.report(f"{said}; trying again in {pause:.0f} s")
                if self._offer is None:
                    standing.note(self._config.folder, "troubled", said)
            if not busy:
                # Executors that have lost the same network should not come back as one.
                jitter = random.uniform(0.7, 1.0)  # noqa: S311 - no secret
                self._news.wait(min(pause * jitter, self._longest_wait()))
        self._leave()
        self.close()

    def run_once(self) -> bool:
        """Do what is due, and one piece of work if there is any; whether something was done.

        Raises ClientError (or a kind of it) when the chain does not answer as it should.
        """
        self._prepare_turn()
        busy = self.tend()
        if self._stopping.is_set():
            return busy
        slot = self._lease(self._room())
        if slot is None:
            return busy
        if isinstance(slot, UploadSlot | ResolveSlot):
            try:
                slot.perform()
            finally:
                slot.close()
            return True
        try:
            slot.start()
            while not slot.wait(_TICK_SECONDS):
                if self._stopping.is_set():
                    slot.cancel()
                try:
                    self.tend()
                except ClientError as error:
                    self._config.report(f"{error}")
            self._conclude(slot)
        finally:
            self._close(slot)
        return True

    def stop(self) -> None:
        """Finish soon: a running build is given back, what is committed stays in the folder."""
        self._stopping.set()
        self._news.set()

    def close(self) -> None:
        """Let another executor use the folder."""
        standing.forget(self._config.folder)
        self._state.close()

    # Turns

    def _turn(self) -> bool:
        """One turn of the loop; whether something was done."""
        busy = self._free_ended_slots()
        self._prepare_turn()
        try:
            busy = self.tend() or busy
        except ClientError as error:
            # A canister that refuses to hear of one job, or is being upgraded, is no reason to
            # take no other work; a network that is away is noticed by the next call.
            self._tell(str(error))
        room = self._room()
        if (room["builds"] or room["reads"]) and time.monotonic() >= self._next_lease:
            slot = self._lease(room)
            if slot is not None:
                self._start(slot)
                return True
        elif self._is_silent():
            self._next_offer = 0.0
        return busy

    def _room(self) -> Room:
        """What there is a slot free for. A server that hangs while a ref is read takes none of a
        job's."""
        reads = sum(isinstance(slot, ResolveSlot) for slot in self._slots)
        jobs = len(self._slots) - reads
        return {"builds": jobs < self._config.slots, "reads": reads < READS_AT_A_TIME}

    def _start(self, slot: "BuildSlot | UploadSlot | ResolveSlot") -> None:
        try:
            slot.start()
        except RuntimeError as error:
            # No thread can be made: what has none is waited for by nobody.
            self._close(slot)
            if isinstance(slot, BuildSlot):
                said = f"this machine: {error}"
                self._give_back(slot.job, slot.work["attempt"], said, "Weather")
            return
        self._slots.append(slot)

    def _is_silent(self) -> bool:
        # Heartbeats of builds are contact enough; uploads leave hardly a trace.
        building = any(isinstance(slot, BuildSlot) for slot in self._slots)
        return self._contact.is_due() and not building

    def _longest_wait(self) -> float:
        # Leases that were lost and commitments that could not be sent are looked at soon.
        return self._config.poll_seconds if self._slots else _LONGEST_PAUSE_SECONDS

    def _free_ended_slots(self) -> bool:
        """Conclude what has ended, and free its slot once its commitment is sent."""
        busy = False
        for slot in list(self._slots):
            if not slot.wait(0):
                continue
            if isinstance(slot, BuildSlot) and not slot.concluded:
                slot.concluded = True
                try:
                    self._conclude(slot)
                except ClientError as error:
                    # It is on disk: the next turns try again, and the lease is kept meanwhile.
                    self._config.report(f"{error}")
            held = self._state.get(slot.job)
            if isinstance(slot, BuildSlot) and held is not None and held.phase == "built":
                continue
            self._slots.remove(slot)
            self._close(slot)
            busy = True
        return busy

    def _prepare_turn(self) -> None:
        """Everything that must be done before work can be taken."""
        if not self._runtimes:
            self.prepare()
        self._announce()
        self._give_back_interrupted()

    def _tell(self, line: str) -> None:
        # Once, not in every turn.
        if line != self._told:
            self._told = line
            self._config.report(line)

    def _leave(self) -> None:
        """End all slots; what was being built is given back."""
        for slot in self._slots:
            slot.cancel()
        for slot in self._slots:
            while not slot.wait(1.0) and isinstance(slot, BuildSlot):
                pass
            try:
                if isinstance(slot, BuildSlot) and not slot.concluded:
                    self._conclude(slot)
            except Exception as error:
                # The other slots are ended all the same.
                self._config.report(described(error))
            self._close(slot)
        self._slots.clear()
        self._say_leaving()

    def _say_leaving(self) -> None:
        """Tell the chain that this executor ends; without it that shows after some minutes."""
        if self._offer is None:
            return
        offer: ExecutorOffer = {**self._offer, "leaving": True}

        def say() -> None:
            chain = self._chain.another()
            try:
                # It is a courtesy: what is in the way of it keeps nobody waiting.
                with contextlib.suppress(Exception):
                    chain.announce_offer(offer)
            finally:
                chain.close()

        # A network that hangs must not keep the process from its end.
        told = threading.Thread(target=say, name="leaving", daemon=True)
        told.start()
        told.join(LEAVING_SECONDS)

    def _close(self, slot: Slot) -> None:
        slot.close()
        self._state.drop_lease(slot.job)

    # Offers and leases

    def _announce(self) -> None:
        if time.monotonic() < self._next_offer:
            return
        offer = self.offer()
        self._contact.note()
        try:
            self._chain.announce_offer(offer)
        except RefusedError as error:
            if error.kind != "Denied":
                raise
            # Not registered yet, or disabled: that may change while this waits.
            self._tell(f"no work yet: {error.sentence} (asked again, ever less often)")
            standing.note(self._config.folder, "denied", error.sentence)
            self._next_offer = time.monotonic() + self.denied_pause
            self.denied_pause = min(self.denied_pause * 2, _LONGEST_DENIED_SECONDS)
            return
        self.denied_pause, self._told = DENIED_SECONDS, ""
        if self._offer is None:
            standing.note(self._config.folder, "announced")
            gibibytes = offer["memory_bytes"] / (1 << 30)
            self._config.report(
                f"offering {offer['slots']} slots of {gibibytes:.1f} GiB memory and "
                f"{offer['cpus']} CPUs: {', '.join(self._runtimes)}"
            )
        self._offer = offer
        self._next_offer = time.monotonic() + OFFER_SECONDS

    def _give_back_interrupted(self) -> None:
        """Give back what was being built when this executor was killed, so that others go on."""
        while self._interrupted:
            job, attempt = self._interrupted[0]
            try:
                if self._state.get(job) is None:
                    self._give_back(job, attempt, "the executor was restarted", "Stopping")
                self._state.drop_lease(job)
            except (ClientError, OSError):
                raise
            except Exception as error:
                # Of a damaged note; its lease runs out by itself.
                self._config.report(f"{job!a}: not given back: {described(error)}")
            self._interrupted.pop(0)

    def _lease(self, room: Room) -> "BuildSlot | UploadSlot | ResolveSlot | None":
        """Lease one piece of work, and make its slot; None when there is none."""
        request: LeaseRequest = {"holds": self._holds(), "room": room}
        if not self._chain.has_work(request) and not self._is_silent():
            return None
        self._contact.note()
        try:
            work = self._chain.lease_work(request)
        except RefusedError as error:
            if error.kind in ("NotFound", "Conflict"):
                # The canister may have lost the offer, as a new installation has.
                self._next_offer = 0.0
            raise
        if work is None:
            return None
        try:
            return self._slot_for(work)
        except ClientError:
            raise
        except Exception as error:
            cause, said = cause_of(error)
            if "Build" not in work:
                # The canister gives it out again after a while.
                name = work["Upload"]["job"] if "Upload" in work else work["Resolve"]["run"]
                self._config.report(f"{name}: not begun: {said}")
                return None
            job, attempt = work["Build"]["job"], work["Build"]["attempt"]
            self._state.drop_lease(job)
            self._give_back(job, attempt, said, cause)
            return None

    def _slot_for(self, work: Work) -> "BuildSlot | UploadSlot | ResolveSlot | None":
        if "Resolve" in work:
            return self.resolve_slot(work["Resolve"])
        if "Upload" in work:
            self._see_verdict(work["Upload"]["job"])
            return self.upload_slot(work["Upload"])
        build = work["Build"]
        refusal = self.refusal(build)
        if refusal is not None:
            cause, why = refusal
            self._give_back(build["job"], build["attempt"], why, cause)
            return None
        runtime = self._runtimes.of(build["stage"])
        self._config.report(f"{build['job']}: building {build['source']['sha'][:12]}")
        try:
            self._state.note_lease(build["job"], build["attempt"])
            folder = self._state.make_scratch()
        except OSError as error:
            cause, said = cause_of(error)
            self._give_back(build["job"], build["attempt"], said, cause)
            return None
        return BuildSlot(
            self._chain,
            build,
            runtime,
            self._packages,
            self._results,
            self._kept,
            self.runtime_again,
            self._config,
            folder,
            self._news.set,
        )

    def _see_verdict(self, job: str) -> None:
        """Follow the verdict on a job before its upload, after which the job is forgotten."""
        held = self._state.get(job)
        if held is not None and held.phase == "revealed" and held.reusable is not None:
            with contextlib.suppress(ClientError):
                self._follow(held)

    def upload_slot(self, work: UploadWork) -> UploadSlot:
        """What performs a leased upload."""
        return UploadSlot(self._chain, work, self._state, self._config, self._news.set)

    def resolve_slot(self, work: ResolveWork) -> ResolveSlot:
        """What reads the ref of a run that has no commit yet."""
        folder = self._state.make_scratch()
        return ResolveSlot(self._chain, work, self._config, folder, self._news.set)

    def offer(self) -> ExecutorOffer:
        """What is announced."""
        return self._runtimes.offer()

    def refusal(self, work: BuildWork) -> tuple[Cause, str] | None:
        """Why a leased job is given back before anything is done for it; None to perform it."""
        why = self._runtimes.unfit(work["stage"])
        return None if why is None else ("Unable", why)

    def weather_pause(self) -> float:
        """Seconds for which nothing is leased after so many storms in a row as there were."""
        longest = min(_LONGEST_WEATHER_SECONDS, 0.5 * (1 << min(self._storms, 10)))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def _holds(self) -> list[str]:
        held = [each.job for each in self._state.held() if each.phase in ("revealed", "agreed")]
        return held[-MAX_HELD_JOBS:]

    # Ends of builds

    def runtime_again(self, stage: Stage) -> Runtime:
        """What an earlier stage finds that is built again. Raises SourceUnable for an unfit one."""
        return self._runtimes.again(stage)

    def _conclude(self, slot: BuildSlot) -> None:
        """Attest to a build that has ended, or give it back. Raises ClientError."""
        work, report = slot.work, slot.report
        job, attempt = work["job"], work["attempt"]
        self._keep_log(slot)
        if slot.why_over:
            self._config.report(f"{job}: {slot.why_over}")
            return
        if report.cancelled:
            self._give_back(job, attempt, "the executor is stopping", "Stopping")
            return
        if report.error:
            self._give_back(job, attempt, report.error, report.cause)
            return
        slot.send_log()
        try:
            files = self.files_to_attest(report.files, slot.build.files_folder)
            attestation = Attestation(
                job,
                report.reason,
                slot.build.runtime.digest,
                files,
                commit=report.commit,
                tests=report.tests,
            )
            held = _held(work, attestation, report, slot.whole_log.digest())
            self._state.keep(held, slot.build.files_folder)
        except Exception as error:
            cause, said = cause_of(error)
            self._give_back(job, attempt, said, cause)
            return
        self._storms = 0
        self._config.report(f"{held.job}: {attestation.outcome}")
        try:
            self.send_commitment(held)
        except (ClientError, OSError):
            raise
        except Exception as error:
            self.set_aside(held, error)
            return
        for forgotten in self._state.trim(self._config.max_held_bytes, MAX_HELD_JOBS):
            self._config.report(f"{forgotten}: its files were removed to make room")

    def _keep_log(self, slot: BuildSlot) -> None:
        work = slot.work
        try:
            self._state.logs.take(work["job"], work["attempt"], slot.whole_log.path)
        except OSError as error:
            self._config.report(f"{work['job']}: its whole log is not kept: {error}")

    def files_to_attest(
        self, files: tuple[ManifestFile, ...], folder: Path
    ) -> tuple[ManifestFile, ...]:
        """The manifest to attest to, of what was built and is kept in `folder`: all of it."""
        return files

    def _give_back(self, job: str, attempt: int, reason: str, cause: Cause) -> None:
        self._config.report(f"{job}: given back: {reason}")
        if cause == "Weather":
            # The canister keeps this job from us for a while; this keeps us from taking the next
            # one into the same storm.
            self._storms += 1
            self._next_lease = time.monotonic() + self.weather_pause()
        self.release(job, attempt, reason, cause)


def _held(
    work: BuildWork, attestation: Attestation, report: BuildReport, log: LogDigest | None
) -> HeldJob:
    return HeldJob(
        run=work["run"],
        stage=work["stage"]["name"],
        attempt=work["attempt"],
        attestation=attestation,
        wall_ns=report.wall_ns,
        peak_memory_bytes=report.peak_memory_bytes,
        reusable=report.reusable,
        phase="built",
        since=time.time(),
        cpu_ns=report.cpu_ns,
        storage_bytes=report.storage_bytes,
        fetched_bytes=report.fetched_bytes,
        log_sha256=None if log is None else log.sha256,
        log_total=None if log is None else log.size,
        keeps=work["stage"]["fetch"] is None and "Executors" in (work["stage"]["keep"] or {}),
    )
