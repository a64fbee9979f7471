"""A reporter between the real `webhook`, run natively, and a local forge that can answer wrongly.

The reporter's clock is the canister's: it waits by letting that time pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dcanary.client.errors import RefusedError
from dcanary.forge import Forge
from dcanary.forge.statuses import Status
from dcanary.reporter.places import Tokens
from dcanary.reporter.reporter import Reporter, Settings
from dcanary.testing.forge_faults import ForgeFaults
from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal
from tests.canisters.installation import CANISTERS, OWNER, SECRET, ok
from tests.forge.conftest import WorkingCopy

REPORTER = user_principal(60)
BUILDER = user_principal(70)
PROVIDERS = {"github": "GitHub", "gitea": "Gitea", "gitlab": "GitLab", "bitbucket": "Bitbucket"}
SECOND = 1_000_000_000


class Killed(BaseException):
    """The process of the reporter has ended here."""


class NativeChain:
    """`Chain` over the native canister. Once it is killed, nothing reaches it any more."""

    def __init__(self, webhook: NativeCanister, caller: Any = REPORTER) -> None:
        self._webhook = webhook
        self._caller = caller
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        self.dead = False

    def _call(self, name: str, method: str, *arguments: Any) -> Any:
        if self.dead:
            raise Killed
        self.before(name)
        self.calls.append(name)
        query = method in ("read_reports", "get_repository")
        ask = self._webhook.query if query else self._webhook.update
        answer = ask(method, *arguments, caller=self._caller)
        self.after(name)
        if "Err" in answer:
            ((kind, sentence),) = answer["Err"].items()
            raise RefusedError(kind, sentence, f"webhook.{method}")
        return answer["Ok"]

    def lease(self, reporter: str) -> Any:
        return self._call("lease", "lease_reports", reporter)

    def leave(self, reporter: str) -> None:
        self._call("leave", "leave_reports", reporter)

    def read(self, since: int) -> Any:
        return self._call("read", "read_reports", {"since": since, "limit": 0})

    def record(self, reporter: str, posts: list[Any], done: int) -> None:
        self._call("record", "record_posts", reporter, posts, done)

    def repository(self, name: str) -> tuple[str, str]:
        found = self._call("repository", "get_repository", name)
        return next(iter(found["provider"])), found["clone_url"]


class World:
    """One repository `demo` of a kind of forge, with one commit."""

    def __init__(self, folder: Path, provider: str = "github") -> None:
        self.network = NativeNetwork(time.time_ns())
        self.faults = ForgeFaults(clock=self.clock)
        self.forge = Forge(folder / "forge", wrap=self.faults.wrap)
        self.forge.start()
        self.provider = provider
        made = self.forge.create_repository("demo", provider=provider)
        self.copy = WorkingCopy(folder / "copy", made.clone_url)
        self.sha = self.copy.commit()
        self.copy.push()
        self.webhook = self.network.install(CANISTERS / "webhook" / "main.py", caller=OWNER)
        ids = {
            name: user_principal(100 + number)
            for number, name in enumerate(("pipeline_config", "verification", "deployment"))
        }
        siblings = {**ids, "webhook": self.webhook.id, "build_executor": BUILDER}
        ok(self.webhook.update("wire", siblings, caller=OWNER))
        ok(self.webhook.update("grant_role", REPORTER, "Reporter", caller=OWNER))
        value = {
            "repository": "demo",
            "provider": {PROVIDERS[provider]: None},
            "clone_url": made.clone_url,
            "secret": SECRET,
        }
        ok(self.webhook.update("register_repository", value, caller=OWNER))
        self.lines: list[str] = []

    def clock(self) -> float:
        return self.network.time_ns / SECOND

    def pass_time(self, seconds: float) -> None:
        self.network.advance(seconds)

    def tell(self, state: str, run: str = "run-1", stages: Any = None, **changed: Any) -> None:
        """`build_executor` tells where a run stands; `stages` are states by name."""
        self.pass_time(0.001)
        texts = ("Failed", "Disagreed", "Inconclusive", "Rejected", "Cancelled")
        report = {
            "run": run,
            "pipeline": "main",
            "repository": "demo",
            "ref": "refs/heads/main",
            "sha": self.sha,
            "state": {state: "for a reason" if state in texts else None},
            "stages": [
                {"name": name, "state": {word: "why" if word in texts else None}}
                for name, word in (stages or {}).items()
            ],
            "targets": [],
            "at_ns": self.network.time_ns,
            **changed,
        }
        ok(self.webhook.update("report_run", report, caller=BUILDER))

    def tokens(self, token: str | None = None) -> Tokens:
        found = Tokens()
        right = self.forge.token_file().read_text().strip()
        found.add(urlsplit(str(self.forge.url())).netloc, token or right)
        return found

    def chain(self) -> NativeChain:
        return NativeChain(self.webhook)

    def reporter(
        self, name: str = "one", chain: NativeChain | None = None, tokens: Tokens | None = None
    ) -> Reporter:
        return Reporter(
            chain or self.chain(),
            tokens or self.tokens(),
            Settings(name, link="https://ci.example/{run}"),
            report=self.lines.append,
            clock=self.clock,
            sleep=self.pass_time,
            jitter=lambda: 0.5,
        )

    def post(self, seconds: float = 0.0) -> None:
        """Let a reporter work until nothing is due, for so long."""
        reporter = self.reporter()
        end = self.clock() + seconds
        try:
            while True:
                pause = reporter.round()
                if pause and self.clock() + pause > end:
                    return
                self.pass_time(pause)
        finally:
            reporter.close()

    def statuses(self) -> list[Status]:
        return self.forge.statuses("demo")

    def shown(self) -> list[str]:
        """`context state` of every status that was posted."""
        return [f"{each.context} {each.state}" for each in self.statuses()]

    def reports(self) -> list[Any]:
        """The reports of the chain, oldest first."""
        batch = self.webhook.query("read_reports", {"since": 0, "limit": 0}, caller=REPORTER)
        items: list[Any] = ok(batch)["items"]
        return items

    def postings(self) -> list[str]:
        return [next(iter(each["posting"]["state"])) for each in self.reports()]


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """Makes a world of a kind of forge, once."""
    made: list[World] = []

    def make(provider: str) -> World:
        made.append(World(tmp_path, provider))
        return made[-1]

    yield make
    for each in made:
        each.forge.stop()


@pytest.fixture
def world(worlds: Callable[[str], World]) -> World:
    return worlds("github")
