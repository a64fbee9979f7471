"""Deliveries through the gateway: what is accepted, once, and what is refused and leaves no trace.

The rules one by one are shown in tests/canisters/webhook; here they hold behind real HTTP, with a
real forge, and up to the runs that they start.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from dcanary.cli.operations import forge as forge_operations
from tests.e2e.pipelines import counter_files
from tests.e2e.world import PATIENCE, Repository, World, open_world, sign, wait_until


@pytest.fixture(scope="module")
def world(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """No executor: runs that start here stay queued."""
    with open_world(template, tmp_path_factory.mktemp("deliveries")) as made:
        yield made


@pytest.fixture(scope="module")
def demo(world: World) -> Repository:
    return world.add_repository("demo", counter_files("demo"))


@pytest.fixture(scope="module")
def other(world: World) -> Repository:
    return world.add_repository("other", counter_files("other"))


def push_body(repository: Repository, ref: str = "refs/heads/main", sha: str = "") -> bytes:
    """A push as GitHub describes it."""
    sha = sha or os.urandom(20).hex()
    return json.dumps(
        {
            "ref": ref,
            "before": "0" * 40,
            "after": sha,
            "created": False,
            "deleted": False,
            "head_commit": {"id": sha, "message": "Count", "author": {"name": "Ada"}},
            "repository": {"name": repository.name, "clone_url": repository.clone_url},
            "pusher": {"name": "ada"},
        }
    ).encode()


def all_runs(world: World) -> list[str]:
    page = {"cursor": None, "limit": 100}
    return [r["run"] for r in world.system.build_executor.ask("list_runs", None, page)["items"]]


def snapshot(world: World, name: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    return (
        dict(world.system.webhook.ask("get_repository", name)),
        world.deliveries(name),
        all_runs(world),
    )


@pytest.mark.parametrize("how", ["wrong", "missing", "foreign", "of other bytes", "not hex"])
def test_a_delivery_without_a_valid_signature_is_refused_and_changes_nothing(
    world: World, demo: Repository, other: Repository, how: str
) -> None:
    body = push_body(demo)
    signature = {
        "wrong": sign(body, b"another secret than any"),
        "missing": None,
        "foreign": sign(body, other.secret),
        "of other bytes": sign(body + b" ", demo.secret),
        "not hex": "sha256=" + "zz" * 32,
    }[how]
    before, deliveries, runs = snapshot(world, "demo")
    status, answer = world.deliver("demo", body, delivery="d-unsigned", signature=signature)
    assert status == 401, answer
    assert answer["status"] == "error"
    after, deliveries_after, runs_after = snapshot(world, "demo")
    assert after == before
    assert deliveries_after == deliveries
    assert runs_after == runs
    # The id is still free: the true delivery of that name is taken.
    if how == "not hex":
        status, answer = world.deliver(
            "demo", body, delivery="d-unsigned", signature=sign(body, demo.secret)
        )
        assert (status, answer["status"]) == (202, "accepted")


def test_a_delivery_that_comes_twice_starts_one_run_which_the_second_answer_names(
    world: World, demo: Repository
) -> None:
    body = push_body(demo)
    first = world.deliver("demo", body, delivery="d-twice", signature=sign(body, demo.secret))
    assert first[0] == 202
    run = first[1]["run"]
    wait_until(lambda: world.get_run(run), run)
    runs = all_runs(world)
    second = world.deliver("demo", body, delivery="d-twice", signature=sign(body, demo.secret))
    assert second == (200, {"status": "duplicate", "delivery": "d-twice", "run": run})
    assert [d["run"] for d in world.deliveries("demo") if d["delivery"] == "d-twice"] == [run]
    # The id is not signed: who saw a delivery cannot start its run again under another id.
    again = world.deliver("demo", body, delivery="d-replayed", signature=sign(body, demo.secret))
    assert again == (200, {"status": "duplicate", "delivery": "d-twice", "run": run})
    assert all_runs(world) == runs


def test_one_delivery_sent_many_times_at_once_starts_one_run(
    world: World, demo: Repository
) -> None:
    body = push_body(demo)
    signature = sign(body, demo.secret)
    runs = all_runs(world)
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(world.deliver, "demo", body, delivery="d-race", signature=signature)
            for _ in range(8)
        ]
        answers = [each.result() for each in sent]
    assert sorted(status for status, _ in answers) == [200] * 7 + [202]
    (run,) = {answer["run"] for _, answer in answers}
    wait_until(lambda: world.get_run(run), run)
    assert set(all_runs(world)) - set(runs) == {run}


def test_the_forge_sends_a_push_again_and_the_run_stays_one(world: World, demo: Repository) -> None:
    demo.commit({"again.txt": "again"})
    run = world.push(demo)
    wait_until(lambda: world.get_run(run), run)
    (sent,) = [
        each
        for each in forge_operations.deliveries(world.home / "forge", "demo")
        if each.delivery in [d["delivery"] for d in world.deliveries("demo") if d["run"] == run]
    ]
    runs = all_runs(world)
    forge_operations.redeliver(world.home / "forge", "demo", sent.delivery)

    def answered_again() -> bool:
        now = forge_operations.deliveries(world.home / "forge", "demo")
        return any(d.delivery == sent.delivery and "duplicate" in repr(d) for d in now)

    wait_until(answered_again, "the answer to the redelivery")
    assert all_runs(world) == runs


def test_an_unknown_repository_is_404(world: World, demo: Repository) -> None:
    body = push_body(demo)
    status, answer = world.deliver("nobody", body, signature=sign(body, demo.secret))
    assert status == 404
    assert "nobody" in answer["error"]


def test_a_body_above_the_limit_is_413_and_shown_when_it_is_signed(
    world: World, demo: Repository
) -> None:
    body = push_body(demo)[:-1] + b', "filler": "' + b"x" * 1_500_000 + b'"}'
    before = snapshot(world, "demo")
    status, _ = world.deliver("demo", body, signature=sign(body, b"another secret"))
    assert status in (401, 403, 413)
    assert snapshot(world, "demo") == before
    status, answer = world.deliver(
        "demo", body, delivery="d-large", signature=sign(body, demo.secret)
    )
    assert status == 413
    assert "MAX_DELIVERY_BYTES" in answer["error"]
    shown = {each["delivery"]: each["state"] for each in world.deliveries("demo")}
    assert "Ignored" in shown["d-large"]


@pytest.mark.parametrize("body", [b"ref=refs/heads/main", b"[1, 2]", b'{"ref": "refs/heads/main"'])
def test_a_signed_body_that_is_no_json_object_is_400(
    world: World, demo: Repository, body: bytes
) -> None:
    before = snapshot(world, "demo")
    status, answer = world.deliver(
        "demo", body, delivery="d-text", signature=sign(body, demo.secret)
    )
    assert status == 400
    assert answer["error"]
    assert snapshot(world, "demo") == before


def test_a_delivery_without_an_id_is_400(world: World, demo: Repository) -> None:
    body = push_body(demo)
    status, answer = world.deliver("demo", body, delivery=None, signature=sign(body, demo.secret))
    assert status == 400
    assert "x-github-delivery" in answer["error"]


def test_an_event_that_nobody_asked_for_is_ignored_with_the_reason(
    world: World, demo: Repository
) -> None:
    issue = {"action": "opened", "issue": {"number": 1}, "repository": {"name": demo.name}}
    body = json.dumps(issue).encode()
    runs = all_runs(world)
    status, answer = world.deliver(
        "demo", body, delivery="d-issue", event="issues", signature=sign(body, demo.secret)
    )
    assert (status, answer["status"]) == (200, "ignored")
    assert answer["reason"].startswith("ignored, because")
    (kept,) = [d for d in world.deliveries("demo") if d["delivery"] == "d-issue"]
    assert kept["run"] is None
    assert kept["state"] == {"Ignored": answer["reason"]}
    assert all_runs(world) == runs


def test_a_push_to_a_branch_that_no_trigger_names_starts_no_run(
    world: World, demo: Repository
) -> None:
    demo.commit({"topic.txt": "topic"})
    runs = all_runs(world)
    sha = demo.push("topic")
    (kept,) = wait_until(
        lambda: [d for d in world.deliveries("demo") if d["sha"] == sha], "the delivery"
    )
    assert kept["ref"] == "refs/heads/topic"
    assert kept["run"] is None
    assert kept["state"]["Ignored"].startswith("ignored, because")
    assert all_runs(world) == runs


def test_the_canister_answers_under_its_own_host_as_forges_are_told(world: World) -> None:
    canister = world.canisters["webhook"]
    port = httpx.URL(world.running.url).port
    answer = httpx.get(
        f"{world.running.url}/",
        headers={"host": f"{canister}.localhost:{port}"},
        timeout=20 * PATIENCE,
        trust_env=False,
    )
    assert answer.status_code == 200
    assert "DCanary webhook canister" in answer.text


@pytest.mark.parametrize("provider", ["gitlab", "gitlab-signed", "bitbucket", "gitea"])
def test_a_push_to_a_forge_of_every_kind_becomes_a_run(world: World, provider: str) -> None:
    """Through the gateway, as the local forge words and signs it."""
    token = b"whsec_" + base64.b64encode(os.urandom(32)) if provider == "gitlab-signed" else None
    kind = provider.removesuffix("-signed")
    made = world.add_repository(
        f"of-{provider}", counter_files(f"of-{provider}"), provider=kind, secret=token
    )
    run = world.push(made)
    assert wait_until(lambda: world.get_run(run), run)["source"]["clone_url"] == made.clone_url
    (delivery,) = world.deliveries(made.name)
    sent = forge_operations.deliveries(world.home / "forge", made.name)
    assert [(each.delivery, each.event) for each in sent] == [
        (delivery["delivery"], delivery["event"])
    ]
    # Sent again it is known: to GitLab's by its signed id, at another time.
    forge_operations.redeliver(world.home / "forge", made.name, delivery["delivery"])
    wait_until(
        lambda: (
            "duplicate" in forge_operations.deliveries(world.home / "forge", made.name)[0].response
        ),
        "the answer to the second attempt",
    )
    assert len(world.deliveries(made.name)) == 1
