"""Kills: no push whose ref moved is without a delivery, and none has two."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from dcanary.forge import Delivery, Forge
from dcanary.forge.reconcile import Move, missing_moves
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, run_git, wait_for

SECRET = "a secret of the demo repository"
SERVE = "import sys; from pathlib import Path; from dcanary.forge import Forge; "
SERVE += "Forge(Path(sys.argv[1])).serve_forever()"
NONE = "0" * 40


class Served:
    """A forge in a process group of its own, with its git children."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.forge = Forge(root)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.root)], start_new_session=True
        )
        process = self.process
        wait_for(lambda: (self.forge.running() or {}).get("pid") == process.pid, 60)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """End the forge and all git processes that it started, at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def wait_until_dead(self) -> None:
        assert self.process is not None
        self.process.wait(60)
        self.process = None


@pytest.fixture
def served(tmp_path: Path, receiver: Receiver) -> Iterator[Served]:
    made = Served(tmp_path / "forge")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def pushing(served: Served, receiver: Receiver, tmp_path: Path) -> WorkingCopy:
    """A working copy of `demo`, which has one delivery already."""
    made = served.forge.create_repository("demo")
    served.forge.set_webhook("demo", receiver.url(), SECRET)
    copy = WorkingCopy(tmp_path / "copy", made.clone_url)
    copy.commit("Base")
    copy.push()
    ended_deliveries(served.forge, "demo", 1)
    return copy


def hook(served: Served, name: str, script: str) -> None:
    """Replace a hook until the next start; the script may run the forge's own, `$real`."""
    folder = served.forge.repository("demo").path / "hooks"
    real = folder / f"real-{name}"
    if (folder / name).exists():
        (folder / name).rename(real)
    (folder / name).write_text(f"#!/bin/sh\nreal={real}\n{script}\n")
    (folder / name).chmod(0o755)


def refs_of(forge: Forge, name: str) -> dict[str, str]:
    listed = run_git(
        forge.repository(name).path, "for-each-ref", "--format=%(refname) %(objectname)"
    )
    return dict(line.split(" ", 1) for line in listed.stdout.splitlines())


def assert_complete(forge: Forge, name: str) -> list[Delivery]:
    """Every move of every ref has one delivery."""
    deliveries = forge.deliveries(name)
    refs = refs_of(forge, name)
    told: dict[str, list[Move]] = {}
    for delivery in deliveries:
        told.setdefault(delivery.ref, []).append(Move(delivery.before, delivery.after))
    for ref in {*refs, *told}:
        assert missing_moves(refs.get(ref, NONE), told.get(ref, []), []) == ([], []), ref
    moves = Counter((each.ref, each.before, each.after) for each in deliveries)
    assert [move for move, count in moves.items() if count > 1] == []
    return deliveries


def no_intents(served: Served) -> bool:
    return not list((served.root / "spool").glob("*.intent"))


MOMENTS = {
    "after the refs have moved": ("post-receive", ""),
    "before git knows that they have": (
        "reference-transaction",
        '[ "$1" = committed ] || exit 0\n',
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_push_that_moved_its_refs_is_delivered_once_when_all_is_killed(
    served: Served, pushing: WorkingCopy, receiver: Receiver, moment: str
) -> None:
    name, condition = MOMENTS[moment]
    hook(served, name, f"{condition}kill -9 -{served.pid}")
    sha = pushing.commit("Lost")
    assert pushing.git("push", "origin", "HEAD:main", check=False).returncode != 0
    served.wait_until_dead()
    assert refs_of(served.forge, "demo") == {"refs/heads/main": sha}
    assert len(served.forge.deliveries("demo")) == 1
    if name == "reference-transaction":
        (served.forge.repository("demo").path / "hooks" / name).unlink()
    for _ in range(2):  # the second start finds nothing to do
        served.start()
        deliveries = ended_deliveries(served.forge, "demo", 2)
        assert (deliveries[1].after, deliveries[1].state) == (sha, "delivered")
        wait_for(lambda: no_intents(served))
        served.kill()
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("moment", ["pre-receive", "prepared"])
def test_a_push_that_moved_nothing_is_forgotten_and_can_be_pushed_again(
    served: Served, pushing: WorkingCopy, receiver: Receiver, moment: str
) -> None:
    if moment == "pre-receive":
        hook(served, "pre-receive", f"$real\nkill -9 -{served.pid}")
    else:
        script = f'[ "$1" = prepared ] || exit 0\nkill -9 -{served.pid}'
        hook(served, "reference-transaction", script)
    before = refs_of(served.forge, "demo")
    pushing.commit("Not yet")
    assert pushing.git("push", "origin", "HEAD:main", check=False).returncode != 0
    served.wait_until_dead()
    assert refs_of(served.forge, "demo") == before
    assert not no_intents(served)
    (served.forge.repository("demo").path / "hooks" / "reference-transaction").unlink(
        missing_ok=True
    )
    served.start()
    wait_for(lambda: no_intents(served))
    assert len(served.forge.deliveries("demo")) == 1
    pushing.push()  # a lock that the killed git held is gone
    ended_deliveries(served.forge, "demo", 2)
    assert_complete(served.forge, "demo")
    assert len(receiver.requests) == 2


def test_git_that_outlives_the_forge_still_has_its_push_delivered(
    served: Served, pushing: WorkingCopy
) -> None:
    hook(served, "post-receive", f"kill -9 {served.pid}\nsleep 1\nexec $real")
    sha = pushing.commit("Orphan")
    pushing.git("push", "origin", "HEAD:main", check=False)
    served.wait_until_dead()
    served.start()
    deliveries = ended_deliveries(served.forge, "demo", 2)
    assert deliveries[1].after == sha
    assert_complete(served.forge, "demo")


def test_a_forge_whose_git_is_killed_delivers_what_moved(
    served: Served, pushing: WorkingCopy
) -> None:
    """Without a restart: `git receive-pack` alone dies, as when memory runs out."""
    hook(served, "post-receive", "kill -9 $PPID")
    sha = pushing.commit("Cut short")
    pushing.git("push", "origin", "HEAD:main", check=False)
    deliveries = ended_deliveries(served.forge, "demo", 2)
    assert deliveries[1].after == sha
    wait_for(lambda: no_intents(served))
    assert_complete(served.forge, "demo")


def pusher(
    copy: WorkingCopy, number: int, stop: threading.Event, accepted: list[tuple[str, str]]
) -> Callable[[], None]:
    """Pushes of all kinds until told to stop; notes those that git reported as done."""
    chosen = random.Random(number)
    branch = f"work-{number}"

    def push(*arguments: str) -> bool:
        done = copy.git("push", "--quiet", "origin", *arguments, check=False)
        return done.returncode == 0

    def run() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            sha = copy.commit(f"{number} {count}")
            kind = chosen.randrange(5)
            if kind == 0:
                copy.git("commit", "--quiet", "--amend", "-m", f"{number} {count} again")
                sha = copy.head()
            if kind == 1:
                refs = [f"HEAD:refs/heads/{branch}-{count}-{each}" for each in range(4)]
                if push("--force", f"HEAD:{branch}", *refs):
                    accepted.append((f"refs/heads/{branch}", sha))
                    accepted.extend((ref.removeprefix("HEAD:"), sha) for ref in refs)
            elif push("--force", f"HEAD:{branch}"):
                accepted.append((f"refs/heads/{branch}", sha))
            if kind == 2:
                push(f":{branch}")
            time.sleep(chosen.random() * 0.05)

    return run


@pytest.mark.e2e
def test_random_kills_lose_no_push_and_make_none_twice(
    served: Served, receiver: Receiver, tmp_path: Path
) -> None:
    stop = threading.Event()
    accepted: dict[str, list[tuple[str, str]]] = {}
    threads = []
    for number in range(3):
        name = f"demo-{number % 2}"
        if name not in accepted:
            served.forge.create_repository(name)
            served.forge.set_webhook(name, receiver.url(), SECRET)
        copy = WorkingCopy(tmp_path / f"copy-{number}", served.forge.clone_url(name))
        work = pusher(copy, number, stop, accepted.setdefault(name, []))
        threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    chosen = random.Random(20261127)
    try:
        for _ in range(12):
            time.sleep(0.3 + chosen.random())
            served.kill()
            served.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    served.kill()
    served.start()
    wait_for(lambda: no_intents(served) and not list((served.root / "spool").glob("*.push")), 60)
    for name, done in accepted.items():
        wait_for(lambda name=name: all(not d.is_open for d in served.forge.deliveries(name)), 60)
        deliveries = assert_complete(served.forge, name)
        told = Counter((each.ref, each.after) for each in deliveries)
        assert [one for one in done if told[one] != 1] == []
    posted = {request.headers["x-github-delivery"] for request in receiver.requests}
    expected = {each.delivery for name in accepted for each in served.forge.deliveries(name)}
    assert posted == expected


def git_processes(forge: Forge) -> list[int]:
    """Processes of git that serve the forge's repositories."""
    root = str(forge.repository("demo").path.parent)
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("GIT_PROJECT_ROOT") == root:
                found.append(process.pid)
    return found


def test_no_git_goes_on_alone_when_the_forge_is_killed_in_the_middle_of_a_push(
    served: Served, pushing: WorkingCopy
) -> None:
    where = urlsplit(served.forge.repository("demo").clone_url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port or 80)) as client:
        client.sendall(
            b"POST /demo.git/git-receive-pack HTTP/1.1\r\nhost: forge\r\n"
            b"content-type: application/x-git-receive-pack-request\r\n"
            b"content-length: 460\r\n\r\n0092"
        )
        wait_for(lambda: git_processes(served.forge) != [], 60)
        os.kill(served.pid, signal.SIGKILL)
        served.wait_until_dead()
    wait_for(lambda: git_processes(served.forge) == [], 60)
