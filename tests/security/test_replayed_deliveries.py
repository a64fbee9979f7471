"""Only the body of a delivery is signed: its id and event header are anyone's to choose."""

import pytest

from tests.canisters.installation import (
    OWNER,
    SHA,
    Installation,
    error,
    ok,
    push_payload,
)
from tests.canisters.pipeline_config.pipelines import pipeline

BODY = push_payload()
DUPLICATE = (200, {"status": "duplicate", "delivery": "d-1", "run": "run-1"})


@pytest.fixture
def ready(installation: Installation) -> Installation:
    for name in ("demo", "other"):
        installation.register_repository(name)
        ok(installation.pipelines.update("register_pipeline", pipeline(name), caller=OWNER))
    installation.run_until_idle()
    return installation


def test_a_captured_body_under_another_delivery_id_starts_no_second_run(
    ready: Installation,
) -> None:
    assert ready.deliver("d-1", BODY)[1]["run"] == "run-1"
    assert ready.deliver("d-2", BODY) == DUPLICATE
    ready.run_until_idle()
    assert ready.deliver("d-3", BODY) == DUPLICATE
    assert ready.executor.query("enqueued_runs") == ["run-1"]
    assert ok(ready.webhook.query("get_repository", "demo"))["deliveries"] == 1


def test_the_body_is_remembered_over_an_upgrade(ready: Installation) -> None:
    ready.deliver("d-1", BODY)
    ready.webhook.upgrade()
    assert ready.deliver("d-2", BODY) == DUPLICATE


def test_a_captured_body_under_other_ids_and_events_fills_no_memory(ready: Installation) -> None:
    ready.deliver("d-1", BODY)
    for number, event in enumerate(("issues", "create", "push_", "fork")):
        assert ready.deliver(f"e-{number}", BODY, event=event) == DUPLICATE
    assert ready.webhook.query("health")["records"] == 1


def test_an_ignored_body_is_recorded_once(ready: Installation) -> None:
    body = b'{"action":"opened","repository":{"name":"demo"}}'
    assert ready.deliver("i-1", body, event="issues")[1]["status"] == "ignored"
    again = (200, {"status": "duplicate", "delivery": "i-1", "run": None})
    assert ready.deliver("i-2", body, event="issues") == again
    assert ready.deliver("i-3", body, event="fork") == again
    assert ready.webhook.query("health")["records"] == 1


def test_a_body_that_was_first_posted_as_another_event_still_starts_its_run(
    ready: Installation,
) -> None:
    assert ready.deliver("early", BODY, event="issues")[1]["status"] == "ignored"
    assert ready.deliver("d-1", BODY) == (
        202,
        {"status": "accepted", "delivery": "d-1", "run": "run-1"},
    )
    assert ready.deliver("d-2", BODY) == DUPLICATE
    assert ready.deliver("d-3", BODY, event="issues") == DUPLICATE


def test_a_push_that_had_no_trigger_starts_a_run_when_it_has_one(
    installation: Installation,
) -> None:
    installation.register_repository()
    assert installation.deliver("d-0", BODY)[1]["status"] == "ignored"
    ok(installation.pipelines.update("register_pipeline", pipeline(), caller=OWNER))
    installation.run_until_idle()
    assert installation.deliver("d-1", BODY)[0] == 202


def test_the_same_id_for_another_repository_is_another_delivery(ready: Installation) -> None:
    assert ready.deliver("d-1", BODY)[0] == 202
    other = push_payload(repository={"name": "other"})
    assert ready.deliver("d-1", other, repository="other")[1]["run"] == "run-2"


def test_a_body_is_no_delivery_of_another_repository_with_the_same_secret(
    ready: Installation,
) -> None:
    status, content = ready.deliver("d-1", BODY, repository="other")
    assert status == 400
    assert "it is of demo" in content["error"]


def test_another_push_of_the_same_commit_is_another_run(ready: Installation) -> None:
    assert ready.deliver("d-1", push_payload(pushed_at=1))[1]["run"] == "run-1"
    assert ready.deliver("d-2", push_payload(pushed_at=2))[1]["run"] == "run-2"


def test_a_delivery_cannot_take_the_id_of_a_run_started_by_hand(ready: Installation) -> None:
    status, content = ready.deliver("manual-run-2", BODY)
    assert status == 400
    assert "manual-" in content["error"]
    assert ready.deliver("d-1", BODY)[1]["run"] == "run-1"
    trigger = {"repository": "demo", "ref": "refs/heads/main", "sha": SHA, "message": ""}
    assert ok(ready.webhook.update("trigger_run", trigger, caller=OWNER)) == "run-2"
    assert ready.delivery("manual-run-2")["event"] == "manual"
    error(ready.webhook.query("get_delivery", "demo", "manual-run-1"), "NotFound")
    ready.run_until_idle()
    assert ready.executor.query("enqueued_runs") == ["run-1", "run-2"]
