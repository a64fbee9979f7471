"""Pull requests on the local forge, by commands: a fork's are held until they are allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from dcanary.cli.demo.examples import git
from dcanary.cli.operations import forge as forge_operations
from tests.e2e.pipelines import counter_files
from tests.e2e.world import Repository, World, wait_until


def with_pull_requests(name: str) -> dict[str, str]:
    """A pipeline that deploys; its stage shows whether it was given the secret TOKEN."""
    files = counter_files(name)
    content = yaml.safe_load(files["dcanary.yml"])
    content["on"]["pull_request"] = {"branches": ["main"]}
    stage = content["stages"]["build"]
    stage["commands"].append("printf '%s' ${TOKEN:-none} > given")
    stage["artifacts"].append("given")
    return {**files, "dcanary.yml": yaml.safe_dump(content, sort_keys=False)}


def pull_request(world: World, *arguments: str) -> dict[str, Any]:
    done = world.run("--json", "forge", "pull-request", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def delivery_of(world: World, repository: str, sha: str) -> dict[str, Any]:
    def come() -> dict[str, Any] | None:
        events = [each for each in world.deliveries(repository) if each["event"] != "push"]
        return next((each for each in events if each["sha"] == sha), None)

    return wait_until(come, f"the delivery of {sha}")


def targets_of(world: World, run: str) -> tuple[Any, Any, Any]:
    found = world.get_run(run)
    assert found is not None
    return found["targets"], found["approval"], found["release"]


@pytest.fixture(scope="module")
def shop(world: World) -> Repository:
    made = world.add_repository("shop", with_pull_requests("shop"))
    made.push()
    return made


def change(repository: Repository, branch: str) -> str:
    git(repository.folder, "checkout", "-q", "-B", branch, "main")
    return repository.commit({"README": branch}, f"Write {branch}")


def test_a_pull_request_of_a_branch_is_built_at_once_and_deploys_nothing(
    world: World, shop: Repository
) -> None:
    sha = change(shop, "feature")
    shop.push("feature")
    made = pull_request(world, "shop", "feature", "--title", "Count in threes")
    assert (made["number"], made["commit"]) == (1, sha)
    delivery = delivery_of(world, "shop", sha)
    run = world.end_of_run(delivery["run"])
    assert run["state"] == {"Succeeded": None}
    assert run["source"]["ref"] == "refs/heads/feature"
    assert targets_of(world, run["run"]) == ([], None, None)
    shown = " ".join(world.run("run", "show", run["run"]).stdout.split())
    assert "1: Count in threes" in shown
    assert "feature of local/shop into main" in shown
    assert "nothing: it is the run of a pull request" in shown


def test_a_pull_request_of_a_fork_is_held_allowed_built_and_deploys_nothing(
    world: World, shop: Repository
) -> None:
    fork = forge_operations.create_repository(world.home / "forge", "shop-of-eve")
    sha = change(shop, "evil")
    git(shop.folder, "push", "-q", fork, "HEAD:refs/heads/evil")
    made = pull_request(world, "shop", "evil", "--fork", "shop-of-eve")
    assert made["ref"] == f"refs/pull/{made['number']}/head"

    held = delivery_of(world, "shop", sha)
    assert "Held" in held["state"] and held["run"] is None
    listed = world.run("delivery", "list", "shop").stdout
    assert "Held" in listed
    shown = " ".join(world.run("delivery", "show", "shop", held["delivery"]).stdout.split())
    assert "an admin must look at this commit and allow it" in shown

    wrong = world.run("delivery", "allow", "shop", held["delivery"], "--sha", "0" * 40)
    assert wrong.returncode == 1 and f"is of commit {sha}" in " ".join(wrong.stderr.split())
    allowed = world.run("-q", "delivery", "allow", "shop", held["delivery"])
    assert allowed.returncode == 0, allowed.stderr
    run = world.end_of_run(allowed.stdout.strip())
    assert run["state"] == {"Succeeded": None}
    assert (run["source"]["ref"], run["source"]["sha"]) == (made["ref"], sha)
    assert targets_of(world, run["run"]) == ([], None, None)
    shown = " ".join(world.run("run", "show", run["run"]).stdout.split())
    assert "nothing: the commit comes from a fork; nor does the run get secrets" in shown

    again = shop.commit({"README": "more"}, "More")
    git(shop.folder, "push", "-q", fork, "HEAD:refs/heads/evil")
    assert pull_request(world, "shop", "evil", "--fork", "shop-of-eve")["number"] == made["number"]
    assert "Held" in delivery_of(world, "shop", again)["state"]


def test_only_an_admin_allows_a_commit(world: World, shop: Repository) -> None:
    held = next(each for each in world.deliveries("shop") if "Held" in each["state"])
    stranger = str(world.home / "identities" / "stranger.pem")
    refused = world.run("--identity", stranger, "delivery", "allow", "shop", held["delivery"])
    assert refused.returncode != 0
    assert world.system.webhook.ask("get_delivery", "shop", held["delivery"])["run"] is None
