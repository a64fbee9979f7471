"""One installation of its own for a test, made of real parts.

The network is a process on a copy of a state folder in which the five canisters are installed; the
forge and the executors are processes of the command line. All of them can be killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from dcanary.cli.demo.examples import git
from dcanary.cli.operations import executor as executor_operations
from dcanary.cli.operations import forge as forge_operations
from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations import pipeline as pipeline_operations
from dcanary.cli.operations import system as system_operations
from dcanary.cli.operations.register import PROVIDERS
from dcanary.cli.operations.watch import BUILT_RUN, ENDED_RELEASE, ENDED_RUN, state_of
from dcanary.client.actor import Actor
from dcanary.client.errors import RefusedError
from dcanary.client.identity import Anonymous, Identity, create_identity, load_identity
from dcanary.client.management import Management
from dcanary.client.principal import from_text
from dcanary.client.system import CANISTERS, System, SystemConfig
from dcanary.client.types.pipeline_config import PipelineInput
from dcanary.executor.sandbox import probe_sandbox
from dcanary.replica.network import control
from tests.built import built_canister

T = TypeVar("T")

PATIENCE = float(os.environ.get("DCANARY_TEST_PATIENCE", "3"))
"""How many times longer than on an idle machine of two cores a test waits before it gives up."""

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = ("alice", "bob", "carol", "dave")
EXECUTORS = tuple(f"{operator}-1" for operator in OPERATORS)
RUNTIMES = [{"Shell": None}, {"Python": None}, {"Motoko": None}, {"Node": None}]
NO_ARGUMENTS = b"DIDL\0\0"
FIRST_PAGE = {"cursor": None, "limit": 100}
TARGET_CYCLES = 3_000_000_000_000


def wait_until(ask: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
    """The first answer that is not None or false; fails after `seconds` of an idle machine."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds * PATIENCE:.0f} s"
        time.sleep(0.1)


def make_template(home: Path) -> None:
    """Build and install the five canisters, register four executors, and stop the network."""
    owner = create_identity(home / "identities" / "default.pem")
    create_identity(home / "identities" / "approver.pem")
    create_identity(home / "identities" / "stranger.pem")
    built = {name: built_canister(ROOT / "canisters" / name, name) for name in CANISTERS}
    running = control.start(home / "network")
    try:
        config, _ = system_operations.deploy(
            home / "system.json",
            network_operations.address(running),
            owner,
            built,
            lambda _: None,
        )
        system = System(config, owner)
        for operator, name in zip(OPERATORS, EXECUTORS, strict=True):
            key = executor_operations.executor_identity(home / "executors", name)
            value = {"executor": key.principal, "operator": operator, "runtimes": RUNTIMES}
            system.build_executor.ask("register_executor", value)
        system.close()
    finally:
        control.stop(home / "network")


@dataclass
class Repository:
    """A repository of the forge, its working copy and the secret of its webhook."""

    name: str
    folder: Path
    secret: bytes
    clone_url: str

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """Write files and commit them; the commit's id."""
        for path, content in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.folder, "rev-parse", "HEAD")

    def push(self, ref: str = "main") -> str:
        """Push HEAD to a branch; the commit's id."""
        git(self.folder, "push", "-q", "origin", f"HEAD:refs/heads/{ref}")
        return git(self.folder, "rev-parse", "HEAD")


class World:
    """Processes and clients of one installation; `stop` ends them all."""

    def __init__(self, template: Path, home: Path) -> None:
        self.home = home
        for name in ("network", "identities", "executors"):
            shutil.copytree(template / name, home / name)
        self.owner = self.identity("default")
        self.approver = self.identity("approver")
        self.stranger = self.identity("stranger")
        self.canisters = SystemConfig.load(template / "system.json").canisters
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._systems: dict[str, System] = {}
        self.start_network()

    def identity(self, name: str) -> Identity:
        return load_identity(self.home / "identities" / f"{name}.pem")

    # The network

    def start_network(self, port: int = 0) -> None:
        self.running = control.start(self.home / "network", port)
        self.address = network_operations.address(self.running)
        self.config = SystemConfig(self.address, self.canisters)
        self.config.save(self.home / "system.json")
        for system in self._systems.values():
            system.close()
        self._systems = {}

    def kill_network(self) -> int:
        """kill -9; the port that it listened on."""
        os.kill(self.running.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.running.pid, 0)
        port = httpx.URL(self.running.url).port
        assert port is not None
        return port

    def as_(self, who: Identity | Anonymous) -> System:
        """The five canisters, called by `who`."""
        found = self._systems.get(who.principal)
        if found is None:
            found = self._systems[who.principal] = System(self.config, who)
        return found

    @property
    def system(self) -> System:
        return self.as_(self.owner)

    def upgrade(self, canister: str) -> None:
        """Install the same module again over a running canister, as an upgrade."""
        module = built_canister(ROOT / "canisters" / canister, canister).wasm_gz
        management = Management(self.system.connection)
        management.install(self.canisters[canister], module, NO_ARGUMENTS, "upgrade")

    # Processes

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "dcanary", "--home", str(self.home), *arguments]

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """One command of the command line in the foreground."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
            cwd=ROOT,
            **more,
        )

    def spawn(self, name: str, command: Sequence[str], **more: Any) -> None:
        log = self.home / f"{name}.log"
        with log.open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=ROOT,
                **more,
            )

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(30 * PATIENCE)

    def start_forge(self) -> None:
        self.spawn("forge", self.command("forge", "start"))
        wait_until(lambda: forge_operations.running_url(self.home / "forge"), "the forge")

    def start_executor(self, name: str, *options: str, **more: Any) -> None:
        """`dcanary executor start`; `more` are Popen's (environment, umask, …)."""
        command = self.command("executor", "start", name, *options, *unsandboxed())
        self.spawn(name, command, **more)

    def start_dishonest(self, name: str, kind: str, label: str = "", *others: str) -> None:
        """The executor `name`, run by a class of `dcanary.testing.dishonest`, offering a label.

        `others` are names, kinds and labels of further ones in the same process.
        """
        script = Path(__file__).with_name("dishonest_executor.py")
        command = [sys.executable, str(script), str(self.home), name, kind, label, *others]
        self.spawn(name, command)

    def add_executor(self, name: str, operator: str) -> Identity:
        """Register one more executor; its key."""
        key = executor_operations.executor_identity(self.home / "executors", name)
        value = {"executor": key.principal, "operator": operator, "runtimes": RUNTIMES}
        self.system.build_executor.ask("register_executor", value)
        return key

    def executor(self, name: str) -> Identity:
        return load_identity(self.home / "executors" / name / "key.pem")

    def stop(self) -> None:
        for name in list(self.processes):
            if name != "forge":
                self.processes[name].send_signal(signal.SIGTERM)
        for name in list(self.processes):
            process = self.processes[name]
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15 * PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for system in self._systems.values():
            system.close()
        control.stop(self.home / "network")

    # What people do

    def webhook_url(self, repository: str) -> str:
        return f"{self.running.url}/webhook/github/{repository}"

    def add_repository(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        target: bool = True,
        adapt: Callable[[PipelineInput], None] = lambda _: None,
        provider: str = "github",
        secret: bytes | None = None,
    ) -> Repository:
        """A repository with these files (one is dcanary.yml), wired to everything, not pushed.

        `adapt` changes the pipeline where a dcanary.yml has no word for it.
        """
        secret = secret or hashlib.sha256(name.encode()).hexdigest().encode()
        clone_url = forge_operations.create_repository(self.home / "forge", name, provider)
        value = {"repository": name, "provider": PROVIDERS[provider], "clone_url": clone_url}
        self.system.webhook.ask("register_repository", {**value, "secret": secret})
        host = self.running.url.replace("127.0.0.1", "localhost")
        path = f"/webhook/{provider}/{name}"
        hook = host.replace("://", f"://{self.canisters['webhook']}.") + path
        forge_operations.set_webhook(self.home / "forge", name, hook, secret)
        made = Repository(name, self.home / "work" / name, secret, clone_url)
        made.folder.mkdir(parents=True)
        git(made.folder, "init", "-q", "-b", "main")
        git(made.folder, "remote", "add", "origin", clone_url)
        made.commit(files, "First")
        definition = pipeline_operations.definition(made.folder, name, [self.approver.principal])
        adapt(definition)
        self.system.pipeline_config.ask("register_pipeline", definition)
        if target:
            place = {
                "target": name,
                "repository": name,
                "network": "local",
                "canister": None,
                "controllers": [self.owner.principal],
                "cycles": TARGET_CYCLES,
            }
            self.system.deployment.ask("register_target", place)
        self.await_triggers(name)
        return made

    def await_triggers(self, name: str) -> None:
        """Registering pushes triggers to the webhook canister in a message of its own."""
        wait_until(
            lambda: self.system.webhook.ask("get_repository", name)["triggers"],
            f"the triggers of {name}",
        )

    def push(self, repository: Repository, ref: str = "main") -> str:
        """git push; the run that it started."""
        sha = repository.push(ref)
        return wait_until(lambda: self.run_of(repository.name, sha), f"the run of {sha}")

    def deliveries(self, repository: str) -> list[dict[str, Any]]:
        page: dict[str, Any] = self.system.webhook.ask("list_deliveries", repository, FIRST_PAGE)
        return list(page["items"])

    def run_of(self, repository: str, sha: str) -> str | None:
        found = [each for each in self.deliveries(repository) if each["sha"] == sha]
        return found[0]["run"] if found else None

    def get_run(self, run: str) -> dict[str, Any] | None:
        try:
            return dict(self.system.build_executor.ask("get_run", run))
        except RefusedError as error:
            assert error.kind == "NotFound", error
            return None

    def jobs(self, run: str) -> list[dict[str, Any]]:
        if self.get_run(run) is None:
            return []
        return list(self.system.build_executor.ask("list_jobs", run, FIRST_PAGE)["items"])

    def end_of_run(self, run: str, seconds: float = 60.0) -> dict[str, Any]:
        """The run when it has ended, however; one that deploys ends after its release."""
        return self._run_in(run, ENDED_RUN, seconds)

    def end_of_build(self, run: str, seconds: float = 60.0) -> dict[str, Any]:
        """The run when there is nothing left to build: it has ended, or people are asked."""
        return self._run_in(run, (*ENDED_RUN, *BUILT_RUN), seconds)

    def _run_in(self, run: str, states: Sequence[str], seconds: float) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            found = self.get_run(run)
            return found if found is not None and state_of(found) in states else None

        return wait_until(reached, f"the end of {run}", seconds)

    def round(self, run: str, stage: str = "build") -> dict[str, Any]:
        return dict(self.system.verification.ask("get_round", run, stage))

    def approval_of(self, run: str) -> dict[str, Any]:
        """The approval request of a run that built well."""

        def asked() -> str | None:
            found = self.get_run(run)
            return found["approval"] if found is not None else None

        approval = wait_until(asked, f"the approval request of {run}")
        return dict(self.system.verification.ask("get_approval", approval))

    def decide(
        self, who: Identity | Anonymous, approval: dict[str, Any], *, digest: str | None = None
    ) -> dict[str, Any]:
        value = {
            "approval": approval["approval"],
            "digest": digest or approval["digest"],
            "approve": True,
            "comment": "",
        }
        return dict(self.as_(who).verification.ask("decide_approval", value))

    def approve(self, run: str) -> str:
        """Approve what a run made; the release."""
        approval = self.approval_of(run)
        self.decide(self.approver, approval)
        return self.release_of(approval["approval"])

    def release_of(self, approval: str) -> str:
        def released() -> str | None:
            found = self.system.verification.ask("get_approval", approval)
            release: str | None = found["release"]
            return release

        return wait_until(released, f"the release of {approval}")

    def end_of_release(self, release: str, seconds: float = 60.0) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            found = dict(self.system.deployment.ask("get_release", release))
            return found if state_of(found) in ENDED_RELEASE else None

        return wait_until(ended, f"the end of {release}", seconds)

    def target(self, name: str) -> Actor:
        """The canister of a target, with its interface as the network certifies it."""
        found = self.system.deployment.ask("get_target", name)
        return Actor.from_metadata(self.system.connection, found["canister"])

    def module_hash(self, canister: str) -> str | None:
        """Certified."""
        found = self.system.connection.module_hash(from_text(canister))
        return None if found is None else found.hex()

    # What a forge, or somebody who pretends to be one, sends

    def deliver(
        self,
        repository: str,
        body: bytes,
        *,
        delivery: str | None = "d-1",
        event: str = "push",
        signature: str | None,
    ) -> tuple[int, dict[str, Any]]:
        """POST to the webhook canister through the gateway; status and JSON of the answer."""
        headers = {"content-type": "application/json", "x-github-event": event}
        if delivery is not None:
            headers["x-github-delivery"] = delivery
        if signature is not None:
            headers["x-hub-signature-256"] = signature
        answer = httpx.post(
            self.webhook_url(repository),
            params={"canisterId": self.canisters["webhook"]},
            headers=headers,
            content=body,
            timeout=20 * PATIENCE,
            trust_env=False,
        )
        return answer.status_code, json.loads(answer.content)


def unsandboxed() -> list[str]:
    return [] if probe_sandbox().sandbox is not None else ["--allow-unsandboxed"]


def sign(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@contextlib.contextmanager
def open_world(template: Path, home: Path, executors: Sequence[str] = ()) -> Iterator[World]:
    """A world with a forge and these executors."""
    world = World(template, home)
    try:
        world.start_forge()
        for name in executors:
            world.start_executor(name)
        yield world
    finally:
        world.stop()
