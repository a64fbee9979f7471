"""What happens to a run is shown on its commit: from the push to a local forge, through the chain
and a reporter that is killed on the way, back to the forge."""

from __future__ import annotations

import json
import signal
from collections import Counter
from typing import Any

import pytest

from dcanary.cli.demo.examples import git
from dcanary.forge import Forge
from tests.e2e.pipelines import counter_files
from tests.e2e.world import Repository, World, wait_until


def shown(world: World, repository: Repository, sha: str) -> list[str]:
    """`context state` of what was posted to a commit, oldest first."""
    found = Forge(world.home / "forge").statuses(repository.name)
    return [f"{each.context} {each.state}" for each in found if each.sha == sha]


def start_reporter(world: World, name: str) -> None:
    world.spawn(
        name, world.command("reporter", "run", "--name", name, "--link", "https://ci/{run}")
    )


def reports(world: World, run: str) -> list[Any]:
    done = world.run("report", "list", "--limit", "100", "--json")
    assert done.returncode == 0, done.stderr
    return [each for each in json.loads(done.stdout) if each["run"] == run]


@pytest.mark.parametrize(
    ("provider", "pending", "success"),
    [
        ("github", ("pending",), "success"),
        ("gitea", ("pending",), "success"),
        ("gitlab", ("running", "pending"), "success"),
        ("bitbucket", ("INPROGRESS",), "SUCCESSFUL"),
    ],
)
def test_a_push_is_pending_then_a_success_on_its_commit(
    world: World, provider: str, pending: tuple[str, ...], success: str
) -> None:
    name = f"demo-{provider}"
    demo = world.add_repository(name, counter_files(name), provider=provider)
    start_reporter(world, "first")
    run = world.push(demo)
    sha = git(demo.folder, "rev-parse", "HEAD")
    wait_until(
        lambda: any(each.split()[1] in pending for each in shown(world, demo, sha)),
        "a pending status",
        60,
    )
    world.kill("first")
    # Its lease runs out, and another one goes on where the chain says.
    start_reporter(world, "second")
    world.approve(run)
    assert "Succeeded" in world.end_of_run(run)["state"]
    last = f"dcanary/{name} {success}"
    wait_until(lambda: last in shown(world, demo, sha), "success on the commit", 120)
    wait_until(
        lambda: all("Waiting" not in each["posting"]["state"] for each in reports(world, run)),
        "every report posted",
    )
    assert f"dcanary/build {success}" in shown(world, demo, sha)
    assert f"dcanary/deploy/{name} {success}" in shown(world, demo, sha)
    statuses = Forge(world.home / "forge").statuses(name)
    posted = Counter((each.context, each.state, each.description) for each in statuses)
    assert set(posted.values()) == {1}
    assert {each.target_url for each in statuses} == {f"https://ci/{run}"}
    listed = world.run("forge", "statuses", name)
    assert f"dcanary/{name}" in listed.stdout
    token = (world.home / "forge" / "api-token").read_text().strip()
    assert token not in world.log("first") + world.log("second") + listed.stdout
    # Ended in an orderly way it gives its lease back, for the next test.
    world.kill("second", signal.SIGTERM)


def test_strangers_read_no_reports(world: World) -> None:
    for identity in ("stranger", "anonymous"):
        done = world.run("--identity", identity, "report", "list")
        assert done.returncode == 1
        assert "Viewer" in done.stderr
    done = world.run("--identity", "stranger", "reporter", "run", "--once")
    assert done.returncode == 1
    assert "dcanary access grant" in done.stderr


def test_a_push_of_nothing_that_the_pipeline_wants_shows_the_result_before_it(world: World) -> None:
    def only_the_counter(definition: Any) -> None:
        wanted = {"paths": ["counter.b64"], "paths_ignore": None, "authors": None}
        definition["triggers"] = [{"FilteredPush": {"branches": ["main"], **wanted}}]

    name = "filtered"
    demo = world.add_repository(name, counter_files(name), adapt=only_the_counter)
    start_reporter(world, "first")
    run = world.push(demo)
    before = git(demo.folder, "rev-parse", "HEAD")
    after = demo.commit({"docs/a.md": "words"}, "Words")
    assert demo.push() == after
    wait_until(lambda: shown(world, demo, after), "a status on the second commit", 60)
    assert world.run_of(name, after) is None
    assert world.run("run", "cancel", run).returncode == 0
    last = f"dcanary/{name} error"
    for sha in (before, after):
        wait_until(lambda sha=sha: last in shown(world, demo, sha), "the end on both", 60)
    world.kill("first", signal.SIGTERM)
