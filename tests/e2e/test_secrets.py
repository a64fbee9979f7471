"""Secrets, as people and executors of the command line use them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import yaml

from dcanary.cli.operations.watch import state_of
from tests.e2e.pipelines import pipeline
from tests.e2e.world import EXECUTORS, World, sign, wait_until
from tests.executor.repositories import make_repository
from tests.executor.servers import certificate, serve

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


def test_a_push_to_a_private_repository_is_cloned_with_its_token_and_released(
    empty_world: World, tmp_path: Path
) -> None:
    world, token = empty_world, "ghp_0123456789abcdef"
    certified = certificate(tmp_path / "server.pem")
    login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    (tmp_path / "served").mkdir()
    with serve(tmp_path / "served", certified) as server:
        folder, url = server.folder / "hidden", server.url("hidden/.git")
        server.logins["/hidden/"] = f"Basic {login}"
        definition = pipeline("hidden", ["cat seen > out"], artifacts=["out"], deploy=False)
        sha = make_repository(folder, {"dcanary.yml": definition, "seen": "by few"})
        secret = tmp_path / "webhook-secret"
        secret.write_text("0123456789abcdef" * 2)
        added = world.run(
            *("repository", "add", "hidden", "--clone-url", url, "--secret-file", str(secret))
        )
        assert added.returncode == 0, added.stderr
        registered = world.run("pipeline", "register", str(folder), "--repository", "hidden")
        assert registered.returncode == 0, registered.stderr
        world.await_triggers("hidden")
        for name in EXECUTORS[:3]:
            world.start_executor(name, env={**os.environ, "GIT_SSL_CAINFO": str(certified)})
        wait_until(lambda: have_keys(world), "the executors' keys")
        set_secret(world, "GIT_TOKEN", token, "--repository", "hidden")
        body = json.dumps(
            {
                "ref": "refs/heads/main",
                "before": "0" * 40,
                "after": sha,
                "repository": {"full_name": "hidden", "clone_url": url},
                "head_commit": {"id": sha, "message": "First", "author": {"name": "A"}},
                "pusher": {"name": "A"},
                "deleted": False,
            }
        ).encode()
        signature = sign(body, secret.read_bytes())
        status, answer = world.deliver("hidden", body, signature=signature)
        assert status == 202, answer
        run = wait_until(lambda: world.run_of("hidden", sha), "the run")
        # Without the credential the repository is asked for, and waited for: it is weather.
        wait_until(lambda: any(job["failures"] for job in world.jobs(run)), "a refusal")
        given = world.run("repository", "credential", "set", "hidden", "--secret", "GIT_TOKEN")
        assert given.returncode == 0, given.stderr
        found = world.end_of_run(run, 120)
        assert state_of(found) == "Succeeded", found
        assert {said for _, _, said in server.seen} == {"", f"Basic {login}"}
    everything = json.dumps(found) + "".join(world.log(name) for name in EXECUTORS[:3])
    assert token not in everything and login not in everything
