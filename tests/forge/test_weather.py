"""Full disks, slow git, slow receivers, and pushes of unusual shape."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
import time
from pathlib import Path

import pytest

from dcanary.forge import Forge, ForgeError, git
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, run_git, wait_for
from tests.forge.test_kills import Served, assert_complete, no_intents

SECRET = "a secret of the demo repository"


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git whose `log` hangs in the repository `slow`, for as long as this file exists."""
    real, flag = git.executable(), tmp_path / "slow-now"
    flag.touch()
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        'if [ "$(basename "$(pwd)") $1" = "slow.git log" ] && '
        f"[ -e {flag} ]; then exec sleep 60; fi\n"
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 2)
    git.executable.cache_clear()
    return flag


@pytest.fixture(autouse=True)
def _find_git_again() -> None:
    git.executable.cache_clear()


def test_a_payload_that_takes_too_long_is_recorded_tried_again_and_delays_nobody(
    slow: Path, forge: Forge, receiver: Receiver, tmp_path: Path
) -> None:
    copies = {}
    for name in ("slow", "quick"):
        made = forge.create_repository(name)
        forge.set_webhook(name, receiver.url(path=f"/{name}"), SECRET)
        copies[name] = WorkingCopy(tmp_path / name, made.clone_url)
        copies[name].commit()
    copies["slow"].push()
    wait_for(lambda: [each.state for each in forge.deliveries("slow")] == ["queued"])
    copies["quick"].push()
    ended_deliveries(forge, "quick", 1)
    assert forge.deliveries("slow")[0].state == "queued", "it is still waiting for git"
    wait_for(lambda: forge.deliveries("slow")[0].state == "retrying")
    (delivery,) = forge.deliveries("slow")
    assert delivery.error == "the payload could not be made: git log took more than 2 s"
    assert delivery.attempts == 1
    slow.unlink()
    (delivery,) = ended_deliveries(forge, "slow", 1)
    assert delivery.state == "delivered"
    assert [request.path for request in receiver.requests] == ["/quick", "/slow"]


def test_more_slow_repositories_than_any_pool_has_threads_delay_nobody(
    forge: Forge, receiver: Receiver, tmp_path: Path
) -> None:
    """40 receivers that do not answer, then a push to one that does."""
    release = threading.Event()
    hanging = Receiver()
    hanging.hold = release
    try:
        copy = None
        for number in range(40):
            made = forge.create_repository(f"hanging-{number}")
            forge.set_webhook(made.name, hanging.url(), SECRET)
            if copy is None:
                copy = WorkingCopy(tmp_path / "copy", made.clone_url)
                copy.commit()
            copy.git("push", "--quiet", str(made.path), "HEAD:main")
        wait_for(lambda: hanging.held >= 40, 60)
        made = forge.create_repository("demo")
        forge.set_webhook("demo", receiver.url(), SECRET)
        assert copy is not None
        copy.git("push", "--quiet", made.clone_url, "HEAD:main")
        ended_deliveries(forge, "demo", 1)
    finally:
        release.set()
        hanging.close()


def test_a_push_that_cannot_be_recorded_is_refused(tmp_path: Path, receiver: Receiver) -> None:
    served = Served(tmp_path / "forge")
    # Objects fit on the disk; the record of a push of 300 refs does not.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        served.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    try:
        made = served.forge.create_repository("demo")
        served.forge.set_webhook("demo", receiver.url(), SECRET)
        copy = WorkingCopy(tmp_path / "copy", made.clone_url)
        copy.commit()
        refs = [f"HEAD:refs/heads/b{number}" for number in range(300)]
        refused = copy.git("push", "origin", *refs, check=False)
        assert refused.returncode != 0
        assert "the forge cannot record this push, so nothing was changed" in refused.stderr
        assert run_git(made.path, "for-each-ref").stdout == ""
        copy.push()
        ended_deliveries(served.forge, "demo", 1)
        assert list((tmp_path / "forge" / "spool").iterdir()) == []
    finally:
        served.kill()


def test_a_push_of_many_refs_is_a_delivery_for_each(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit()
    copy.push(*(f"HEAD:refs/heads/b{number:03}" for number in range(150)))
    wait_for(lambda: len(receiver.requests) == 150, 120)
    ended_deliveries(forge, "demo", 150)
    refs = {json.loads(request.body)["ref"] for request in receiver.requests}
    assert len(refs) == 150
    copy.git("push", "--quiet", "origin", *(f":refs/heads/b{number:03}" for number in range(20)))
    deliveries = assert_complete(forge, "demo") if ended_deliveries(forge, "demo", 170) else []
    assert sum(each.after == "0" * 40 for each in deliveries) == 20


def test_a_push_of_which_some_refs_are_refused_is_delivered_for_the_others(
    tmp_path: Path, forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    update = forge.repository("demo").path / "hooks" / "update"
    update.write_text('#!/bin/sh\n[ "$1" != refs/heads/no ]\n')
    update.chmod(0o755)
    copy.commit()
    pushed = copy.git("push", "origin", "HEAD:main", "HEAD:no", "HEAD:yes", check=False)
    assert pushed.returncode != 0
    deliveries = ended_deliveries(forge, "demo", 2)
    assert {each.ref for each in deliveries} == {"refs/heads/main", "refs/heads/yes"}
    wait_for(lambda: not list((tmp_path / "forge" / "spool").glob("*.intent")))
    assert_complete(forge, "demo")


def test_pushes_at_once_to_one_repository_are_all_delivered(
    tmp_path: Path, forge: Forge, receiver: Receiver
) -> None:
    made = forge.create_repository("demo")
    forge.set_webhook("demo", receiver.url(), SECRET)
    copies = [WorkingCopy(tmp_path / f"copy-{each}", made.clone_url) for each in range(6)]
    for number, each in enumerate(copies):
        each.commit(f"Work {number}")
    # Each its own branch, and all of them `main`, which one wins.
    threads = [
        threading.Thread(
            target=each.git,
            args=("push", "origin", "HEAD:main", f"HEAD:own-{number}"),
            kwargs={"check": False},
        )
        for number, each in enumerate(copies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliveries = ended_deliveries(forge, "demo", 7)
    assert sorted({each.ref for each in deliveries}) == [
        "refs/heads/main",
        *(f"refs/heads/own-{number}" for number in range(6)),
    ]
    assert_complete(forge, "demo")


def test_what_was_sent_is_not_sent_again_because_the_disk_was_full_then(
    tmp_path: Path, forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit("One")
    copy.push()
    ended_deliveries(forge, "demo", 1)
    hold = threading.Event()
    receiver.hold = hold
    copy.commit("Two")
    copy.push()
    wait_for(lambda: receiver.held == 1)
    log = tmp_path / "forge" / "deliveries" / "demo.jsonl"
    aside = log.rename(tmp_path / "aside")
    log.mkdir()  # nothing can be appended to it
    hold.set()
    wait_for(lambda: len(receiver.requests) == 2)
    time.sleep(1.5)
    log.rmdir()
    aside.rename(log)
    deliveries = ended_deliveries(forge, "demo", 2)
    assert [each.state for each in deliveries] == ["delivered", "delivered"]
    assert len(receiver.requests) == 2
    assert no_intents(Served(tmp_path / "forge"))


@pytest.mark.parametrize("name", ["settings.json", "secrets/demo.json"])
def test_a_damaged_file_is_named(
    tmp_path: Path, forge: Forge, copy: WorkingCopy, receiver: Receiver, name: str
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    path = tmp_path / "forge" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    copy.commit()
    copy.push()
    if name == "settings.json":
        forge.stop()
        with pytest.raises(ForgeError, match=f"{path} is damaged"):
            forge.clone_url("demo")
        return
    wait_for(lambda: [each.state for each in forge.deliveries("demo")] == ["retrying"])
    assert f"{path} is damaged" in forge.deliveries("demo")[0].error
    path.write_bytes(whole)
    assert ended_deliveries(forge, "demo", 1)[0].state == "delivered"


def test_a_damaged_line_of_the_log_costs_its_own_delivery_only(
    tmp_path: Path, forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit("One")
    copy.push()
    ended_deliveries(forge, "demo", 1)
    with (tmp_path / "forge" / "deliveries" / "demo.jsonl").open("a") as file:
        file.write('{"delivery": "x"}\n[1]\n"text"\n7\n')
    copy.commit("Two")
    copy.push()
    assert [each.state for each in ended_deliveries(forge, "demo", 2)] == ["delivered", "delivered"]
