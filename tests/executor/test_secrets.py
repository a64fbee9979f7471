"""Executors build with secrets, against the real canisters, and let none of them out."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.sandbox import BubblewrapSandbox
from dcanary.executor.sandbox.model import Limits, Plan
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.secrets.keys import public_bytes
from tests.executor.conftest import write_source
from tests.executor.repositories import make_repository, stage_record
from tests.executor.secret_chain import SecretChain
from tests.executor.servers import serve
from tests.executor.test_executor import Site, until

VALUE = b"s3cr/t+value of=ours"
NAMES = ("alice", "bob", "carol")


class SecretSite(Site):
    """A site whose executors have keys."""

    chain: SecretChain

    def __init__(self, folder: Path, sandbox: BubblewrapSandbox) -> None:
        super().__init__(folder, sandbox)
        self.chain = SecretChain(folder / "home")
        for name in NAMES:
            self.chain.announce(name)

    def executor(self, name: str = "alice", *arguments: Any, **more: Any) -> Any:
        return super().executor(
            name, *arguments, **{"secret_key": self.chain.keys.get(name), **more}
        )

    def stage(self, commands: list[str], artifacts: list[str] | None = None, **more: Any) -> None:
        record = stage_record(commands, artifacts or [], **more)
        record["secrets"] = ["TOKEN"]
        self.add(record)


@pytest.fixture
def site(tmp_path: Path, sandbox: BubblewrapSandbox) -> Iterator[SecretSite]:
    made = SecretSite(tmp_path, sandbox)
    yield made
    for executor in made.executors:
        executor.close()


def test_three_executors_build_with_a_secret_and_agree(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    command = 'test "$(printf %s "$TOKEN" | wc -c)" = 20 && printf %s "$TOKEN" | sha256sum > sum'
    site.stage([command], ["sum"], replicas=3, quorum=2)
    executors = [site.executor(name) for name in NAMES]
    until(site.chain.stored, *executors)
    assert site.verdict()["kind"] == {"Agreed": None}
    assert len(site.verdict()["jobs"]) == 3
    uses = site.chain.owner.pipeline_config.list_secret_uses(
        None, "TOKEN", {"cursor": None, "limit": 0}
    )["items"]
    assert sorted(use["operator"] for use in uses) == sorted(NAMES)
    assert {use["executor"] for use in uses} == {
        site.chain.register(name).to_str() for name in NAMES
    }


def test_what_a_stage_prints_of_a_secret_is_masked_on_chain(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    site.stage(
        [
            'echo "raw $TOKEN."',
            'printf %s "$TOKEN" | base64',
            'printf %s "user:$TOKEN" | base64',
            "env | grep ^TOKEN",
            'printf %s "$TOKEN" | od -An -tx1 -v | tr -d " \\n"',
        ]
    )
    until(site.chain.votes, site.executor())
    until(lambda: b"succeeded" in site.chain.log("run-1/build/0"), site.executors[0])
    log = site.chain.log("run-1/build/0")
    for form in (VALUE, base64.b64encode(VALUE)[:-4], VALUE.hex().encode()):
        assert form not in log
    assert b"raw ***.\n" in log
    assert b"TOKEN=***\n" in log


@pytest.mark.parametrize(
    "command",
    [
        'printf %s "$TOKEN" > out',
        'printf "x %s" "$TOKEN" | base64 > out',
        'printf %s "$TOKEN" | od -An -tx1 -v | tr -d " \\n" > out',
    ],
)
def test_an_artifact_that_holds_a_secret_fails_the_stage_for_every_operator(
    command: str, site: SecretSite
) -> None:
    site.chain.seal("TOKEN", VALUE)
    site.stage([command], ["out"], replicas=3, quorum=2)
    until(site.chain.verdict, *(site.executor(name) for name in NAMES))
    assert site.verdict()["kind"] == {"Failed": None}
    assert site.verdict()["reason"].endswith("the stage failed: artifact")
    assert site.verdict()["files"] == []
    assert site.chain.stored() == {}
    assert b"artifact out: it holds the secret TOKEN" in site.chain.log("run-1/build/0")


def test_a_name_of_a_failed_test_does_not_tell_a_secret(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    record = stage_record(
        [
            "printf '<testsuite><testcase name=\"of %s\"><failure/></testcase></testsuite>' "
            '"$TOKEN" > junit.xml'
        ]
    )
    record |= {"secrets": ["TOKEN"], "reports": {"tests": "junit.xml", "flaky": None}}
    site.add(record)
    until(site.chain.verdict, site.executor())
    assert VALUE.decode() not in str(site.chain.owner.verification.get_round("run-1", "build"))
    assert b"1 failed, 0 skipped: of ***" in site.chain.log("run-1/build/0")


def test_the_vote_counts_of_who_masked_names_of_failed_tests(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    case = '<testcase name="in[%s]"><failure/></testcase>'
    record = stage_record(
        [
            f"printf '<testsuite>{case * 3}</testsuite>' "
            'anonymous "$TOKEN" '
            '"$(printf %s "$TOKEN" | od -An -tx1 -v | tr -d " \\n")" > junit.xml',
            "false",
        ],
        replicas=3,
        quorum=2,
    )
    record |= {"secrets": ["TOKEN"], "reports": {"tests": "junit.xml", "flaky": None}}
    site.add(record)
    until(site.chain.verdict, *(site.executor(name) for name in NAMES))
    assert site.verdict()["kind"] == {"Failed": None}
    assert len(site.verdict()["jobs"]) == 3
    log = site.chain.log("run-1/build/0")
    assert b"3 tests ran, 2 failed, 0 skipped: in[***], in[anonymous]" in log


def test_a_secret_that_is_missing_is_what_the_run_waits_for(site: SecretSite) -> None:
    site.stage(["true"])
    executor = site.executor()
    until(lambda: site.chain.causes("run-1/build/0"), executor)
    assert site.chain.causes("run-1/build/0") == ["Unable"]
    said = "there is no secret TOKEN of repository counter: dcanary secret set TOKEN"
    assert site.chain.reasons("run-1/build/0") == [said]
    # Set, it is asked again, with no change of its offer.
    site.chain.seal("TOKEN", VALUE)
    until(lambda: site.chain.is_revealed("run-1/build/0"), executor)


def test_an_executor_without_the_secret_says_so_and_others_build(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE, only=("bob", "carol"))
    site.stage(["true"], replicas=2, quorum=2)
    alice = site.executor("alice")
    until(lambda: site.chain.causes("run-1/build/0"), alice)
    (said,) = site.chain.reasons("run-1/build/0")
    assert said.startswith("the secret TOKEN is not sealed to this executor: dcanary secret reseal")
    until(site.chain.verdict, alice, site.executor("bob"), site.executor("carol"))
    assert site.verdict()["kind"] == {"Agreed": None}


def test_an_executor_that_has_no_key_gives_the_stage_back(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    site.stage(["true"])
    until(lambda: site.chain.causes("run-1/build/0"), site.executor(secret_key=None))
    assert site.chain.reasons("run-1/build/0") == [
        "this executor takes no secrets, and the stage lists TOKEN"
    ]


def test_an_executor_announces_its_key(site: SecretSite) -> None:
    executor = site.executor()
    executor.run_once()
    assert site.chain.offer_of("alice")["secret_key"] == public_bytes(site.chain.keys["alice"])


def test_no_other_stage_sees_a_secret(site: SecretSite) -> None:
    site.chain.seal("TOKEN", VALUE)
    site.add(stage_record(['test -z "$TOKEN"']))
    until(site.chain.verdict, site.executor())
    assert site.verdict()["kind"] == {"Agreed": None}


def test_three_executors_build_a_private_repository(
    tmp_path: Path, sandbox: BubblewrapSandbox
) -> None:
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served") as server:
        sha = make_repository(server.folder / "private", {"hello.txt": "hello"})
        login = base64.b64encode(b"x-access-token:ghp_0123456789").decode()
        server.logins["/private/"] = f"Basic {login}"
        site = SecretSite(tmp_path, sandbox)
        site.source |= {"clone_url": server.url("private/.git"), "sha": sha}
        pipelines = site.chain.owner.pipeline_config
        site.chain.seal("GIT_TOKEN", b"ghp_0123456789", only=("alice", "bob"))
        pipelines.set_credential(
            {
                "repository": "counter",
                "secret": "GIT_TOKEN",
                "kind": {"Token": None},
                "username": "x-access-token",
                "address": None,
                "host_keys": None,
            }
        )
        site.add(stage_record(["cp hello.txt out", "env"], ["out"], replicas=3, quorum=2))
        limits = CheckoutLimits(schemes=("http",))
        executors = [site.executor(name, checkout=limits) for name in NAMES]
        try:
            until(site.chain.stored, *executors)
            until(
                lambda: "Unable" in str([site.chain.causes(f"run-1/build/{n}") for n in range(3)]),
                *executors,
            )
        finally:
            for executor in executors:
                executor.close()
    assert site.chain.stored() == {"out": b"hello"}
    # The clone's credential is nothing that a stage sees.
    for number in range(3):
        assert b"ghp_" not in site.chain.log(f"run-1/build/{number}")
        assert b"GIT_TOKEN=" not in site.chain.log(f"run-1/build/{number}")


# -- the sandbox -----------------------------------------------------------------------------------


def command_lines() -> str:
    """Of all processes of this machine that can be seen."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b" ".join(found).decode(errors="replace")


@pytest.mark.parametrize("confined", [True, False])
def test_a_secret_is_a_variable_and_on_no_command_line(
    confined: bool, sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    runner = sandbox if confined else UnsandboxedRunner(tmp_path / "builds")
    secret = "only in the environment " + "x" * 16_000
    plan = Plan(
        commands=('test "${#TOKEN}" = 16024', 'test -n "$TOKEN"; touch started; sleep 2'),
        source=write_source(tmp_path / "source.tar", {"a": "b"}),
        environment={"OTHER": "1"},
        secrets={"TOKEN": secret, "OTHER": "hidden", "PATH": "/nowhere"},
    )
    limits = Limits(256 << 20, 16 << 20, 64 << 10, 64, 30.0)
    seen: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.append(command_lines())
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = b""

    def take(piece: bytes) -> None:
        nonlocal output
        output += piece

    try:
        result = runner.run(plan, limits, take, lambda: False, lambda _: None)
    finally:
        ended.set()
        watcher.join()
    assert result.succeeded, (result, output)
    assert any("touch started" in each for each in seen)
    assert not any("only in the environment" in each for each in seen)


def test_a_plan_does_not_tell_its_secrets(tmp_path: Path) -> None:
    plan = Plan((), tmp_path, secrets={"TOKEN": "hush-hush"})
    assert "hush" not in repr(plan)
