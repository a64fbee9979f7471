"""The main job in order. Every step is what the commands of the tutorial do."""

from __future__ import annotations

import functools
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dcanary import folders
from dcanary.cli.demo.examples import EXAMPLES, Example, change_source, make_working_copy, push
from dcanary.cli.demo.follow import Follower
from dcanary.cli.demo.home import stop_everything
from dcanary.cli.demo.reporter import Reporter
from dcanary.cli.operations import build as build_operations
from dcanary.cli.operations import executor as executor_operations
from dcanary.cli.operations import forge as forge_operations
from dcanary.cli.operations import network as network_operations
from dcanary.cli.operations import pipeline as pipeline_operations
from dcanary.cli.operations import register as register_operations
from dcanary.cli.operations import system as system_operations
from dcanary.cli.operations.processes import Processes
from dcanary.cli.operations.secrets import new_secret_file
from dcanary.cli.operations.watch import BUILT_RUN, Ended, describe, state_of, wait_for_release
from dcanary.cli.orders.digest import checked_digest
from dcanary.cli.tables import short
from dcanary.client.actor import Actor
from dcanary.client.errors import ClientError, RefusedError
from dcanary.client.identity import Identity, create_identity
from dcanary.client.principal import from_text
from dcanary.client.system import CANISTERS, System, SystemConfig
from dcanary.executor.sandbox import probe_sandbox
from dcanary.wasm import TEMPLATE_SECONDS, ensure_template, template_is_ready

OPERATORS = ("alice", "bob", "carol")
RUN_SECONDS = 600.0
RELEASE_SECONDS = 180.0
RUNTIMES = ("shell", "python", "motoko")


def usual_seconds(examples: int) -> list[float]:
    """How long each step takes on a machine of two processors, for a number of examples.

    Measured, and rounded up: who waits minds a time that is too short. Where the caches are empty,
    the runtime template is made, and each module that is new to the network is compiled: those of
    the five canisters, and those of the examples at their first release.
    """
    template = [] if template_is_ready() else [TEMPLATE_SECONDS]
    is_compiled = any(folders.compiled_modules().glob("*"))
    build, release = 10.0 * examples, 2.0 * examples
    first_build, first_release = build, release
    install = 8.0
    if template or not is_compiled:
        install = 40.0
        first_build, first_release = 15.0 * examples, 5.0 * examples
    return [
        *template,
        15.0,
        install,
        *(1.0, 1.0, 1.0),
        *(2.0, first_build, first_release, 1.0),
        *(2.0, build, release, 1.0),
    ]


class MainJob:
    """One demo in one empty folder of its own: see `home.emptied`."""

    def __init__(
        self, home: Path, examples: Sequence[str], reporter: Reporter, *, keep_running: bool
    ) -> None:
        self.home = home
        self.examples = [EXAMPLES[name] for name in examples]
        self.report = reporter
        self.keep_running = keep_running
        self.processes = Processes(home / "processes")
        self.follower: Follower
        self.owner: Identity
        self.approver: Identity
        self.config: SystemConfig
        self.system: System
        self.forge_url = ""

    def run(self) -> None:
        """Raises ClientError when any step does not end as it must."""
        try:
            self._prepare()
            self._deploy_system()
            self._start_forge()
            self._start_executors()
            self._register()
            with self.report.step("Push the first commit"):
                first = self._push_all()
            self._follow(first)
            self._release_all(first, "create and install")
            with self.report.step("Call the deployed canisters"):
                for example in self.examples:
                    self._call(example, "inc", "get")
            with self.report.step("Push a second commit: one inc now adds ten"):
                for example in self.examples:
                    change_source(example, self.home / "work" / example.name)
                second = self._push_all()
            self._follow(second)
            self._release_all(second, "upgrade, keeping state")
            with self.report.step("Call them again: the value of before is kept"):
                for example in self.examples:
                    self._call(example, "get", "inc", "get")
            self.closing_words()
        except BaseException:
            if not self.keep_running:
                stop_everything(self.home)
            raise
        if not self.keep_running:
            stop_everything(self.home)

    # -- steps -----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if not template_is_ready():
            with self.report.step("Make CPython a runtime template: once per version"):
                ensure_template(progress=self._progress)
        with self.report.step("Build the five canisters from Python and start a local network"):
            self.owner = create_identity(self.home / "identities" / "default.pem")
            self.approver = create_identity(self.home / "identities" / "approver.pem")
            running, _ = network_operations.ensure_started(
                self.home / "network", warn=self._progress
            )
            self.report.detail(f"network at {running.url}", url=running.url)
            self.built = build_operations.build_system(self.home / "build", self._progress)
            for name, one in self.built.items():
                self.report.detail(
                    f"{name}: {len(one.wasm_gz) / 1e6:.1f} MB, sha256 {one.module_hash_gz[:16]}…",
                    canister=name,
                    sha256=one.module_hash_gz,
                )
            self.address = network_operations.address(running)

    def _progress(self, text: str) -> None:
        self.report.detail(text)

    def _deploy_system(self) -> None:
        with self.report.step("Install them in chunks and wire them to each other"):
            self.config, _ = system_operations.deploy(
                self.home / "system.json", self.address, self.owner, self.built, self._progress
            )
            self.system = System(self.config, self.owner)
            self.follower = Follower(self.system, self.report)
            for name in CANISTERS:
                actor = self.system.actor(name)
                certified = self.system.connection.module_hash(actor.raw)
                if certified is None or certified.hex() != self.built[name].module_hash_gz:
                    raise ClientError(
                        f"{name}: the network certifies another module than was built"
                    )
            self.report.good("the network certifies the five module hashes")

    def _start_forge(self) -> None:
        with self.report.step("Start a Git forge that signs its webhooks"):
            self.forge_url = forge_operations.start_in_background(
                self.home, self.home / "forge", self.processes
            )
            self.report.detail(f"forge at {self.forge_url}", url=self.forge_url)

    def _start_executors(self) -> None:
        with self.report.step("Start three executors of three operators"):
            probe = probe_sandbox()
            if probe.sandbox is None:
                self.report.warn(f"builds run WITHOUT a sandbox: {probe.reason}")
            started = []
            for operator in OPERATORS:
                name = f"{operator}-1"
                identity = executor_operations.executor_identity(self.home / "executors", name)
                register_operations.executor(self.system, identity.principal, operator, RUNTIMES)
                process = executor_operations.start_in_background(
                    self.home, name, self.processes, allow_unsandboxed=probe.sandbox is None
                )
                started.append(process)
                self.report.detail(
                    f"{name} of {operator}: {short(identity.principal, 'principal')}",
                    executor=identity.principal,
                    operator=operator,
                )
            for process in started:
                executor_operations.wait_until_up(
                    self.home, process, self.processes, self._progress
                )

    def _register(self) -> None:
        with self.report.step("Register repositories, pipelines (2 of 3) and targets"):
            for example in self.examples:
                self._register_one(example)

    def _register_one(self, example: Example) -> None:
        secret = new_secret_file(self.home / "secrets" / f"{example.name}.webhook")
        clone_url = forge_operations.create_repository(self.home / "forge", example.name)
        register_operations.repository(self.system, example.name, "github", clone_url, secret)
        url = register_operations.webhook_url(self.config, "github", example.name)
        forge_operations.set_webhook(self.home / "forge", example.name, url, secret)
        folder = self.home / "work" / example.name
        make_working_copy(example, folder, clone_url)
        definition = pipeline_operations.definition(folder, example.name, [self.approver.principal])
        self.system.pipeline_config.register_pipeline(definition)
        register_operations.target(
            self.system, example.name, example.name, controllers=[self.owner.principal]
        )
        self.report.detail(f"{example.name}: webhook {url}", repository=example.name, webhook=url)

    def _push_all(self) -> dict[str, str]:
        """Example name -> run that its push started."""
        commits = {e.name: push(self.home / "work" / e.name) for e in self.examples}
        runs = {}
        for name, sha in commits.items():
            runs[name] = self._wait_for(
                functools.partial(self._run_of, name, sha), lambda: None, f"{name}'s run"
            )
            self.report.detail(
                f"{name} {sha[:12]}: delivery accepted, signature good: {runs[name]}",
                repository=name,
                commit=sha,
                run=runs[name],
            )
        return runs

    def _run_of(self, repository: str, sha: str) -> str | None:
        listed = self.system.webhook.list_deliveries(repository, {"cursor": None, "limit": 20})
        for item in listed["items"]:
            if item["sha"] == sha:
                if item["run"] is None:
                    raise ClientError(f"the push of {sha} was {describe(item['state'])}")
                return str(item["run"])
        return None

    def _follow(self, runs: dict[str, str]) -> None:
        with self.report.step("Three executors build the commit; two must agree on every byte"):
            ended = self.follower.until_ended(list(runs.values()), RUN_SECONDS)
            for run, found in sorted(ended.items()):
                self.follower.summarise(found)
                if state_of(found) not in BUILT_RUN:
                    raise Ended(
                        f"{run} ended as {describe(found['state'])}",
                        f"read its log: dcanary run log {run}/build/0",
                    )

    def _release_all(self, runs: dict[str, str], how: str) -> None:
        with self.report.step(f"Approve exactly those bytes; {how}"):
            approver = System(self.config, self.approver)
            try:
                for example in self.examples:
                    self._release(example, runs[example.name], approver)
            finally:
                approver.close()

    def _release(self, example: Example, run: str, approver: System) -> None:
        approval = self._wait_for(
            lambda: self.system.build_executor.get_run(run)["approval"],
            lambda: None,
            f"the approval request of {run}",
        )
        asked = approver.verification.get_approval(approval)
        sha256 = asked["request"]["sha256"]
        self.report.detail(
            f"{approval}: {example.name} wants {next(iter(asked['request']['mode']))} of {sha256}",
            approval=approval,
            sha256=sha256,
        )
        approver.verification.decide_approval(
            {
                "approval": approval,
                "digest": checked_digest(asked),
                "approve": True,
                "comment": "demo",
            },
        )
        release = self._wait_for(
            lambda: approver.verification.get_approval(approval)["release"],
            lambda: None,
            f"the release of {approval}",
        )
        found = wait_for_release(self.system, release, RELEASE_SECONDS, self._progress, True)
        assert found["canister"] is not None
        certified = self._certified(found["canister"], sha256)
        self.report.good(
            f"{release}: canister {found['canister']} runs (certified) {certified}",
            release=release,
            canister=found["canister"],
            module_hash=certified,
        )

    def _certified(self, canister: str, wanted: str) -> str:
        """The module hash that the network certifies, which must be the approved one."""
        module = self.system.connection.module_hash(from_text(canister))
        shown = "no module" if module is None else module.hex()
        if shown != wanted:
            raise ClientError(
                f"the network certifies {shown} for {canister}, and {wanted} was approved"
            )
        return shown

    def _call(self, example: Example, *methods: str) -> None:
        target = self.system.deployment.get_target(example.name)
        assert target["canister"] is not None
        actor = Actor.from_metadata(self.system.connection, target["canister"])
        for method in methods:
            answer = actor.call(method)
            self.report.good(
                f"{example.name}.{method}() = {answer}",
                repository=example.name,
                method=method,
                answer=answer,
            )

    def closing_words(self) -> None:
        """Print how to go on with what the demo leaves running."""
        # Absolute, so that it stays right in whatever folder the commands are then given.
        lines = [f"  export DCANARY_HOME={shlex.quote(str(self.home.absolute()))}"]
        if not shutil.which("dcanary"):
            # As one line of its own: before each command it would make all of them too long.
            lines.append(f'  export PATH="{Path(sys.executable).parent}:$PATH"')
        last = 2 * len(self.examples)
        lines += [
            "  dcanary run show run-1                 # votes, hashes, verdict",
            "  dcanary release list                   # what runs where",
            f"  dcanary release rollback release-{last}     # module and state of before",
            "  # the source of an example: change it, push, approve",
            f'  git -C "$DCANARY_HOME/work/{self.examples[0].name}" log',
        ]
        self.report.plain(
            f"\nAll of it in {self.report.elapsed():.0f} s. What to try next:\n\n"
            + "\n".join(lines)
            + "\n\nStop it with: make stop   (or: dcanary demo --stop)"
        )

    def _wait_for(
        self,
        ask: Callable[[], Any],
        check: Callable[[], None],
        what: str,
        timeout: float = 60.0,
    ) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            try:
                found = ask()
            except RefusedError as error:
                if error.kind not in ("NotFound", "Unavailable"):
                    raise
                found = None
            if found:
                return found
            check()
            if time.monotonic() > deadline:
                raise ClientError(f"{what} did not appear within {timeout:.0f} s")
            time.sleep(0.1)
