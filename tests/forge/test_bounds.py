"""Bounds of the forge's git processes: a push that means endless work costs little of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dcanary.forge import Forge, ForgeError, bounds, git
from dcanary.forge import forge as forge_module
from dcanary.forge.builder import in_thread
from dcanary.forge.dispatcher import Dispatcher
from dcanary.forge.layout import Layout
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, wait_for
from tests.forge.test_kills import Served

SECRET = "a secret of the demo repository"


def bomb(copy: WorkingCopy, content: str = "x", levels: int = 40) -> str:
    """A commit of 2^40 files, each tree naming the one below twice: two kilobytes of objects."""

    def stored(kind: str, data: bytes) -> str:
        command = ["git", "hash-object", "-w", "-t", kind, "--stdin"]
        done = subprocess.run(command, cwd=copy.folder, input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    tree = stored("tree", b"100644 f\0" + bytes.fromhex(stored("blob", content.encode())))
    for _ in range(levels):
        below = bytes.fromhex(tree)
        tree = stored("tree", b"40000 a\0" + below + b"40000 b\0" + below)
    return copy.git("commit-tree", tree, "-m", "Bomb").stdout.strip()


def gits(folder: Path) -> list[int]:
    """Processes that work in a repository."""
    found = []
    for process in psutil.process_iter(["cwd", "status"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd) == folder and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


ENDS: dict[str, Callable[[int], None]] = {
    "stopped": lambda pid: os.kill(pid, signal.SIGTERM),
    "killed": lambda pid: os.kill(pid, signal.SIGKILL),
}


@pytest.mark.parametrize("how", ENDS)
def test_git_ends_with_the_forge_that_is(tmp_path: Path, receiver: Receiver, how: str) -> None:
    served = Served(tmp_path / "forge")
    served.start()
    group = served.pid
    try:
        made = served.forge.create_repository("demo")
        served.forge.set_webhook("demo", receiver.url(), SECRET)
        copy = WorkingCopy(tmp_path / "copy", made.clone_url)
        copy.push(f"{bomb(copy)}:refs/heads/main")
        wait_for(lambda: bool(gits(made.path)), 60)
        ENDS[how](served.pid)
        served.wait_until_dead()
        wait_for(lambda: not gits(made.path), 20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        if served.process is not None:
            served.wait_until_dead()


def test_a_forge_that_stops_within_its_process_ends_git_as_well(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    folder = forge.repository("demo").path
    copy.push(f"{bomb(copy)}:refs/heads/main")
    wait_for(lambda: bool(gits(folder)), 60)
    forge.stop()
    wait_for(lambda: not gits(folder), 20)
    assert [each.state for each in forge.deliveries("demo")] == ["queued"], "not a failed try"


def endless_fetch(copy: WorkingCopy, forge: Forge, folder: Path) -> subprocess.Popen[bytes]:
    """A client that asks for a filter by paths of 2^40 paths, once git works on it."""
    copy.push(f"{bomb(copy)}:refs/heads/main")
    copy.commit("Paths", "paths", "/nothing\n")
    copy.push("HEAD:refs/heads/filter")
    wanted = copy.git("rev-parse", "HEAD:paths").stdout.strip()
    options = ("--quiet", "--bare", "--single-branch", f"--filter=sparse:oid={wanted}")
    client = subprocess.Popen(
        ["git", "clone", *options, forge.clone_url("demo"), str(folder)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: len(serving(forge)) >= 2, 60)
    return client


def serving(forge: Forge) -> list[int]:
    """Processes that pack objects of the repository for a client."""
    folder = forge.repository("demo").path
    found = []
    for pid in gits(folder):
        with contextlib.suppress(psutil.Error):
            if {"upload-pack", "pack-objects"} & set(psutil.Process(pid).cmdline()):
                found.append(pid)
    return found


@pytest.mark.parametrize("who", ["client", "forge"])
def test_endless_reading_ends_with_its(
    who: str, forge: Forge, copy: WorkingCopy, tmp_path: Path
) -> None:
    client = endless_fetch(copy, forge, tmp_path / "clone")
    try:
        if who == "forge":
            forge.stop()
        else:
            os.killpg(client.pid, signal.SIGKILL)
        wait_for(lambda: not serving(forge), 30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
        client.wait(20)
        for pid in serving(forge):
            os.kill(pid, signal.SIGKILL)


def test_a_payload_beyond_the_bounds_is_given_up_and_later_pushes_pass_it_by(
    forge: Forge,
    copy: WorkingCopy,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 3)
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.push(f"{bomb(copy, 'one')}:refs/heads/one")
    copy.push(f"{bomb(copy, 'two')}:refs/heads/two")
    copy.commit("Good")
    copy.push()
    wait_for(lambda: len(forge.deliveries("demo")) == 3, 60)
    wait_for(lambda: not any(each.is_open for each in forge.deliveries("demo")), 120)
    states = {each.ref: each for each in forge.deliveries("demo")}
    assert states["refs/heads/main"].state == "delivered"
    for ref in ("refs/heads/one", "refs/heads/two"):
        assert states[ref].state == "failed"
        assert states[ref].error == (
            "the payload could not be made: git diff-tree took more than 3 s; "
            "given up after 3 tries"
        )
    log = (tmp_path / "forge" / "deliveries" / "demo.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in log]
    tried = [each["state"] for each in entries if each["attempts"]]
    assert tried.index("delivered") <= 2, "each of the two was tried once before, at most"


def test_a_payload_that_needs_too_much_memory_is_given_up(
    forge: Forge, copy: WorkingCopy, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MEMORY_BYTES", 16 << 20)
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.push(f"{bomb(copy)}:refs/heads/main")
    wait_for(lambda: any(not each.is_open for each in forge.deliveries("demo")), 120)
    (delivery,) = forge.deliveries("demo")
    assert delivery.state == "failed"
    assert "git diff-tree needs more than 16 MiB of memory" in delivery.error


def test_a_commit_of_more_names_than_are_read_has_no_list_that_would_read_like_all(
    forge: Forge, copy: WorkingCopy, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.forge.payload.MAX_PATHS_BYTES", 1_000)
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.push(f"{bomb(copy, levels=9)}:refs/heads/main")
    ended_deliveries(forge, "demo", 1)
    (request,) = receiver.requests
    assert "added" not in json.loads(request.body)["head_commit"]


def test_output_is_read_up_to_the_limit_and_git_ended_then(copy: WorkingCopy) -> None:
    names = git.output(copy.folder, "ls-tree", "-r", "-z", bomb(copy), at_most=100_000)
    assert len(names) == 100_000
    assert gits(copy.folder) == []


def test_a_program_ends_with_its_cpu_time_even_when_nobody_watches_it(tmp_path: Path) -> None:
    command = bounds.prefix(1, None, dies_with_thread=False)
    done = subprocess.run([*command, "sh", "-c", "while :; do :; done"], check=False, timeout=120)
    assert bounds.ran_out(done.returncode)


def test_work_that_is_cancelled_ends_its_git(copy: WorkingCopy) -> None:
    commit = bomb(copy)

    async def main() -> None:
        work = asyncio.create_task(
            in_thread(lambda: git.output(copy.folder, "diff-tree", "--root", "-r", commit))
        )
        await asyncio.to_thread(wait_for, lambda: bool(gits(copy.folder)), 60)
        work.cancel()
        await asyncio.wait({work})
        assert work.cancelled()
        await asyncio.to_thread(wait_for, lambda: not gits(copy.folder), 20)

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(4))
def test_the_dispatcher_ends_when_it_is_cancelled_while_a_push_arrives(
    tmp_path: Path, turns: int
) -> None:
    layout = Layout(tmp_path)
    layout.create()

    async def main() -> None:
        dispatcher = Dispatcher(layout, "http://127.0.0.1:1")
        task = asyncio.create_task(dispatcher.run())
        await asyncio.sleep(0.02)
        dispatcher.nudge()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        task.cancel()
        assert done, "the cancellation was lost"

    asyncio.run(main())


def test_a_forge_that_does_not_stop_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    async def stubborn(self: Dispatcher) -> None:
        while not released.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(Dispatcher, "run", stubborn)
    monkeypatch.setattr(forge_module, "STOP_SECONDS", 1.0)
    forge = Forge(tmp_path / "forge")
    forge.start()
    try:
        with pytest.raises(ForgeError, match=f"did not stop within 1 s.*process {os.getpid()}"):
            forge.stop()
        with pytest.raises(ForgeError, match="already serving"):
            Forge(tmp_path / "forge").start()
    finally:
        released.set()
        monkeypatch.setattr(forge_module, "STOP_SECONDS", 60.0)
        forge.stop()
    with Forge(tmp_path / "forge") as again:
        assert again.running() is not None
