"""Three executor processes build one commit: equal bytes, and what a dishonest one can do: nothing.

Verdict by verdict: tests/canisters/verification. Executor by executor: tests/executor.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from dcanary.cli.operations.watch import state_of
from dcanary.client.errors import RefusedError
from tests.canisters.build_executor.helpers.specs import offer
from tests.e2e.modules import counter
from tests.e2e.pipelines import ARTIFACT, DECODE, counter_files, pipeline
from tests.e2e.world import EXECUTORS, ROOT, World, wait_until


def agreed_hashes(world: World, run: str) -> dict[str, str]:
    return {f["path"]: f["sha256"] for f in world.round(run)["verdict"]["files"]}


SETTINGS = [
    ("alice-1", 0o077, {"TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "C"}),
    ("bob-1", 0o002, {"TZ": "America/Caracas", "LANG": "de_DE.UTF-8", "USER": "bob"}),
    ("carol-1", 0o022, {"TZ": "UTC", "EDITOR": "vi", "SOURCE_DATE_EPOCH": "1"}),
]


def example_files(name: str) -> dict[str, str]:
    """An example of the project, but all three operators must agree."""
    folder = ROOT / "examples" / name
    paths = [path for path in folder.rglob("*") if path.is_file() and "build" not in path.parts]
    files = {str(path.relative_to(folder)): path.read_text() for path in paths}
    assert files["dcanary.yml"].count("quorum: 2") == 1
    return {**files, "dcanary.yml": files["dcanary.yml"].replace("quorum: 2", "quorum: 3")}


def test_executors_with_other_folders_settings_and_umasks_make_the_same_bytes(
    empty_world: World, tmp_path: Path
) -> None:
    world = empty_world
    # The cache stays shared: it makes the template quick, and is named by its content.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    for name, mask, more in SETTINGS:
        home = tmp_path / f"home of {name}"
        home.mkdir()
        environment = {**os.environ, **more, "HOME": str(home), "XDG_CACHE_HOME": cache}
        world.start_executor(name, umask=mask, env=environment)
    # What commonly differs: modes, user, folder, order of names, times of files, variables.
    commands = [
        "mkdir -p out",
        "(pwd; id; umask; env | sort; ls -lUR --time-style=full-iso *.txt src/) > out/around.txt",
        "date -d @0 > out/zone.txt",
        "tar -cf out/tree.tar src/main.txt *.txt dcanary.yml",
    ]
    files = ["out/around.txt", "out/zone.txt", "out/tree.tar"]
    text = pipeline("same", commands, artifacts=files, quorum=3, deploy=False)
    more = {"z.txt": "z", "A.txt": "a", "src/main.txt": "main"}
    repositories = [
        world.add_repository("same", {"dcanary.yml": text, **more}),
        world.add_repository("counter-motoko", example_files("counter-motoko")),
        world.add_repository("counter-python", example_files("counter-python")),
    ]
    runs = [world.push(repository) for repository in repositories]
    for repository, run in zip(repositories, runs, strict=True):
        found = world.end_of_build(run, 120)
        voted = world.round(run)
        # The two examples deploy what they build.
        built = "Succeeded" if repository.name == "same" else "Approving"
        assert state_of(found) == built, (repository.name, voted["verdict"])
        assert voted["verdict"]["disputes"] == []
        assert len(voted["verdict"]["jobs"]) == 3
        assert {vote["operator"] for vote in voted["votes"]} == {"alice", "bob", "carol"}
    assert set(agreed_hashes(world, runs[0])) == set(files)


def test_folders_of_the_checkout_have_the_time_of_the_commit_as_files_have(world: World) -> None:
    # %.9Y: a folder that was just made shows its fraction of a second.
    check = 'test "$(stat -c %.9Y . src src/main.txt | sort -u)" = "$SOURCE_DATE_EPOCH.000000000"'
    text = pipeline(
        "times",
        ["stat -c '%n %.9Y' . src src/main.txt", check],
        artifacts=[],
        replicas=1,
        quorum=1,
        deploy=False,
    )
    repository = world.add_repository("times", {"dcanary.yml": text, "src/main.txt": "main"})
    run = world.push(repository)
    assert state_of(world.end_of_run(run)) == "Succeeded"


def test_what_the_jobs_of_a_run_used_is_shown_and_summed(world: World) -> None:
    commands = ["head -c 3000000 /dev/zero > big", "sleep 0.5"]
    text = pipeline("used", commands, artifacts=[], replicas=2, quorum=2, deploy=False)
    run = world.push(world.add_repository("used", {"dcanary.yml": text}))
    assert state_of(world.end_of_run(run)) == "Succeeded"
    done = world.run("--json", "run", "show", run, "--usage")
    assert done.returncode == 0, done.stderr
    jobs = json.loads(done.stdout)["usage"]
    assert len({job["operator"] for job in jobs}) == 2
    for job in jobs:
        assert job["storage_bytes"] > 3_000_000
        assert job["cpu_ns"] > 0 and job["fetched_bytes"] > 0
        assert job["wall_ns"] > 500_000_000
    done = world.run("--json", "usage", "--repository", "used")
    assert done.returncode == 0, done.stderr
    days = json.loads(done.stdout)
    for name in ("wall_ns", "cpu_ns", "fetched_bytes"):
        assert sum(day[name] for day in days) == sum(job[name] for job in jobs)
    shown = world.run("usage", "--operator", jobs[0]["operator"]).stdout
    assert shown.startswith("day"), shown


def test_bytes_that_one_executor_changed_are_named_and_the_agreed_ones_are_released(
    empty_world: World,
) -> None:
    world = empty_world
    repository = world.add_repository("honest", counter_files("honest", step=3))
    for name in EXECUTORS[:2]:
        world.start_executor(name)
    world.start_dishonest(EXECUTORS[2], "tampering")
    run = world.push(repository)
    found = world.end_of_build(run)
    assert state_of(found) == "Approving", found["state"]
    voted = world.round(run)
    verdict = voted["verdict"]
    assert state_of({"state": verdict["kind"]}) == "Agreed"
    operators = {vote["job"]: vote["operator"] for vote in voted["votes"]}
    assert sorted(operators[job] for job in verdict["jobs"]) == ["alice", "bob"]
    (dispute,) = verdict["disputes"]
    assert dispute["operator"] == "carol"
    assert dispute["executor"] == world.executor("carol-1").principal
    assert dispute["differing"] == [ARTIFACT]
    expected = hashlib.sha256(counter(3)).hexdigest()
    assert agreed_hashes(world, run) == {ARTIFACT: expected}
    released = world.end_of_release(world.approve(run))
    assert state_of(released) == "Succeeded", released["state"]
    assert world.module_hash(released["canister"]) == expected
    assert world.target("honest").call("inc") == 3


def test_a_lie_at_the_reveal_is_refused_and_changes_no_verdict(empty_world: World) -> None:
    world = empty_world
    repository = world.add_repository("liar", counter_files("liar"))
    for name in EXECUTORS[:2]:
        world.start_executor(name)
    world.start_dishonest(EXECUTORS[2], "lying")
    run = world.push(repository)
    wait_until(lambda: "the reveal is refused" in world.log("carol-1"), "the refused reveal")
    assert "Invalid" in world.log("carol-1")
    votes = world.round(run)["votes"]
    (lied,) = [vote for vote in votes if vote["operator"] == "carol"]
    assert lied["revealed_ns"] is None
    assert lied["outcome"] is None

    def honest() -> bool:
        votes = world.round(run)["votes"]
        revealed = {vote["operator"] for vote in votes if vote["revealed_ns"] is not None}
        return revealed == {"alice", "bob"}

    # The round waits for a true reveal until its window ends; the others' are in.
    wait_until(honest, "the honest reveals")
    assert world.round(run)["verdict"] is None


def test_a_second_executor_of_an_operator_gets_no_second_replica(empty_world: World) -> None:
    """And so no second vote; that `verification` refuses one too is shown in its own tests."""
    world = empty_world
    second, bob = world.add_executor("alice-2", "alice"), world.executor("bob-1")
    for key in (second, bob):
        world.as_(key).build_executor.ask("announce_offer", offer())
    repository = world.add_repository("single", counter_files("single"))
    world.start_executor("alice-1")
    run = world.push(repository)
    wait_until(
        lambda: [j for j in world.jobs(run) if state_of(j) == "Committed"], "alice's commitment"
    )
    wanted: dict[str, list[str] | None] = {"holds": [], "room": None}
    assert world.as_(second).build_executor.call("has_work", wanted) is False
    assert world.as_(second).build_executor.ask("lease_work", wanted) is None
    assert world.as_(bob).build_executor.call("has_work", wanted) is True


def test_reports_without_the_lease_and_late_reports_are_refused_and_change_nothing(
    world: World,
) -> None:
    repository = world.add_repository("reports", counter_files("reports", commands=[DECODE]))
    run = world.push(repository)
    assert state_of(world.end_of_build(run)) == "Approving"
    before = world.round(run)
    job = before["votes"][0]["job"]
    commitment = {
        "job": job,
        "attempt": 1,
        "commitment": b"\1" * 32,
        "wall_ns": 1,
        "peak_memory_bytes": 1,
        "reused": None,
        "cpu_ns": None,
        "storage_bytes": None,
        "fetched_bytes": None,
        "log_sha256": None,
        "log_total": None,
    }
    reveal = {
        "job": job,
        "run": run,
        "stage": "build",
        "outcome": {"Succeeded": None},
        "environment": "0" * 64,
        "files": [],
        "nonce": b"\2" * 32,
        "commit": None,
        "tests": None,
    }
    committer = next(
        name
        for name in EXECUTORS
        if world.executor(name).principal == before["votes"][0]["executor"]
    )
    outsider = world.as_(world.executor("dave-1"))
    late = world.as_(world.executor(committer))
    with pytest.raises(RefusedError) as refused:
        outsider.build_executor.ask("submit_commitment", commitment)
    assert refused.value.kind == "Denied"
    with pytest.raises(RefusedError) as refused:
        outsider.verification.ask("reveal", reveal)
    assert refused.value.kind in ("Denied", "Conflict")
    with pytest.raises(RefusedError) as refused:
        late.build_executor.ask("submit_commitment", commitment)
    assert refused.value.kind == "Conflict"
    with pytest.raises(RefusedError) as refused:
        late.verification.ask("reveal", reveal)
    assert refused.value.kind == "Conflict"
    assert "a reveal is final" in refused.value.sentence
    assert world.round(run) == before
