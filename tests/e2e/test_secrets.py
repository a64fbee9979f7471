"""Secrets, as people and executors of the command line use them."""

from __future__ import annotations

import base64
import json

import yaml

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import pipeline
from tests.e2e.world import World, wait_until

VALUE = "s3cr/t+value of=ours"


def files(command: str) -> dict[str, str]:
    """A pipeline whose one stage lists the secret TOKEN and makes `out`."""
    content = yaml.safe_load(pipeline("hidden", [command], artifacts=["out"], deploy=False))
    content["stages"]["build"]["secrets"] = ["TOKEN"]
    return {"dcanary.yml": yaml.safe_dump(content, sort_keys=False)}


def have_keys(world: World) -> bool:
    listed = world.system.build_executor.ask("list_executors", {"cursor": None, "limit": 100})
    offers = [each["offer"] for each in listed["items"] if each["offer"] is not None]
    return sum(offer["secret_key"] is not None for offer in offers) == 3


def set_secret(world: World, name: str, value: str, *options: str) -> None:
    done = world.run(
        *("secret", "set", name, "--from-file", "-", "--yes", *options), input=f"{value}\n"
    )
    assert done.returncode == 0, done.stderr
    assert value not in done.stdout + done.stderr
    assert done.stderr.count("will be readable by executor") == 3


def test_a_secret_from_a_terminal_to_three_executors_that_agree(world: World) -> None:
    command = (
        'printf %s "$TOKEN" | sha256sum > out; echo "it is $TOKEN"; printf %s "$TOKEN" | base64'
    )
    folder = world.home / "hidden"
    folder.mkdir()
    (folder / "dcanary.yml").write_text(files(command)["dcanary.yml"])
    refused = world.run("pipeline", "register", str(folder), "--repository", "hidden")
    assert refused.returncode == 2
    assert "stages.build.secrets[0]: there is no secret TOKEN of hidden" in " ".join(
        refused.stderr.split()
    )
    assert "dcanary.yml:" in " ".join(refused.stderr.split())
    wait_until(lambda: have_keys(world), "the executors' keys")
    set_secret(world, "TOKEN", VALUE, "--repository", "hidden")
    listed = json.loads(world.run("secret", "list", "--json").stdout)
    assert [(each["name"], each["version"], each["lacking"]) for each in listed] == [
        ("TOKEN", 1, [])
    ]
    run = world.push(world.add_repository("hidden", files(command), target=False))
    found = world.end_of_run(run)
    assert state_of(found) == "Succeeded", found
    for number in range(3):
        log = world.run("run", "log", f"{run}/build/{number}").stdout
        assert VALUE not in log
        assert base64.b64encode(VALUE.encode()).decode()[:-4] not in log
    assert "it is ***" in world.run("run", "log", f"{run}/build/0").stdout
    uses = json.loads(
        world.run("secret", "uses", "TOKEN", "--repository", "hidden", "--json").stdout
    )
    assert {each["operator"] for each in uses} == {"alice", "bob", "carol"}
    assert {each["run"] for each in uses} == {run}
    again = world.run("secret", "reseal", "TOKEN", "--repository", "hidden", "--yes")
    assert again.returncode == 0, again.stderr
    removed = world.run("secret", "remove", "TOKEN", "--repository", "hidden", "--yes")
    assert removed.returncode == 0, removed.stderr
