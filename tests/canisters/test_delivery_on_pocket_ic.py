"""From a signed delivery to a queued run: compiled canisters, through the PocketIC client."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.rules.limits import MAX_DELIVERY_BYTES
from tests.canisters.installation import (
    CANISTERS,
    DOUBLES,
    OWNER,
    SECRET,
    STRANGER,
    delivery_headers,
    ok,
    push_payload,
)
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.pocket import ANONYMOUS, Pocket, PocketCanister
from tests.canisters.webhook.forges import KINDS, OLD, SHA, ForgeKind
from tests.replica.pocketic.conftest import binary  # noqa: F401

pytestmark = [
    pytest.mark.replica,
    # The client keeps its HTTP session open for the life of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


class World:
    """webhook, pipeline_config and the double of build_executor, compiled and wired."""

    def __init__(self) -> None:
        self.pocket = Pocket(OWNER)
        self.webhook = self._install(CANISTERS / "webhook" / "main.py", "webhook")
        self.pipelines = self._install(CANISTERS / "pipeline_config" / "main.py", "pipeline_config")
        self.executor = self._install(DOUBLES / "build_executor.py", "build_executor")
        siblings = {
            "webhook": self.webhook.id,
            "pipeline_config": self.pipelines.id,
            "build_executor": self.executor.id,
            "verification": STRANGER,
            "deployment": STRANGER,
        }
        for canister in (self.webhook, self.pipelines):
            assert canister.update("wire", siblings, caller=OWNER) == {"Ok": None}
        repository = {
            "repository": "demo",
            "provider": {"GitHub": None},
            "clone_url": "https://example.org/demo.git",
            "secret": SECRET,
        }
        ok(self.webhook.update("register_repository", repository, caller=OWNER))
        ok(self.pipelines.update("register_pipeline", pipeline(), caller=OWNER))
        self.pocket.run(2)

    def _install(self, main: Path, name: str) -> PocketCanister:
        return self.pocket.install(main, name)

    def deliver(self, delivery: str, body: bytes, **more: Any) -> tuple[int, dict[str, Any]]:
        request = {
            "method": "POST",
            "url": "/webhook/github/demo",
            "headers": delivery_headers(body, delivery, **more),
            "body": body,
            "certificate_version": None,
        }
        answer = self.webhook.query("http_request", request)
        if answer["upgrade"]:
            answer = self.webhook.update("http_request_update", request, caller=ANONYMOUS)
        return answer["status_code"], json.loads(answer["body"])


@pytest.fixture
def world(binary: Path) -> Iterator[World]:  # noqa: F811
    made = World()
    yield made
    made.pocket.close()
    gc.collect()


def test_deliveries_from_signature_to_queued_run_with_upgrades_in_between(world: World) -> None:
    assert world.deliver("d-1", push_payload())[1] == {
        "status": "accepted",
        "delivery": "d-1",
        "run": "run-1",
    }
    # A delivery of usual size costs a small part of what one message may (40 billion).
    assert dict(world.webhook.query("instructions"))["http_request_update"] < 100_000_000
    world.webhook.put("upgrade")
    world.pipelines.put("upgrade")
    world.pocket.run(2)
    state = ok(world.webhook.query("get_delivery", "demo", "d-1"))["state"]
    assert state == {"Dispatched": None}
    assert world.executor.query("enqueued", "run-1")["pipeline_version"] == 1
    assert world.deliver("d-1", push_payload())[1]["status"] == "duplicate"

    # Refused while build_executor cannot; taken when it can again.
    world.executor.update("answer_with", "enqueue_run", "trap", caller=OWNER)
    assert world.deliver("d-2", push_payload(compare="again"))[0] == 202
    world.pocket.run(2)
    world.webhook.put("upgrade")
    world.executor.update("answer_with", "enqueue_run", "Ok", caller=OWNER)
    world.pocket.run(70)
    assert world.executor.query("enqueued_runs") == ["run-1", "run-2"]

    # Refused: by the signature, by the limit, by what is not JSON, however hostile.
    assert world.deliver("d-3", push_payload(), secret=b"wrong")[0] == 401
    assert world.deliver("d-3", b" " * (MAX_DELIVERY_BYTES + 1))[0] == 413
    # The largest delivery passes the inspection, whose instructions the network bounds.
    largest = push_payload(x="")
    largest = largest[:-2] + b"x" * (MAX_DELIVERY_BYTES - len(largest)) + largest[-2:]
    assert world.deliver("d-4", largest)[0] == 202
    world.pocket.run(2)
    size = MAX_DELIVERY_BYTES
    hostile = [
        b"[" * size,
        b'{"a":' * (size // 5),
        b'{"a":[' + b"{}," * (size // 3 - 4) + b"{}]}",
        b'{"a":"' + b'\\"' * (size // 2 - 8) + b'"}',
        b'{"a":' + b"[" * 63 + b"]" * 63 + b"}",
        b'{"a":' + b"9" * (size - 8) + b"}",
        b'{"a":"' + b"\xff" * 1_000 + b'"}',
    ]
    for number, body in enumerate(hostile):
        records = world.webhook.query("health")["records"]
        before = dict(world.webhook.query("instructions"))["http_request_update"]
        status, content = world.deliver(f"h-{number}", body)
        assert status == 400, content
        spent = dict(world.webhook.query("instructions"))["http_request_update"] - before
        # What can be read and is of another repository is kept, for its sender knows the secret;
        # the free query has answered the rest.
        kept = "is not of repository" in content["error"]
        assert world.webhook.query("health")["records"] == records + kept
        assert spent == 0 or kept
    with pytest.raises(ValueError, match=r"did not accept|inspect|rejected"):
        world.webhook.update("drop_old_secret", "demo", caller=ANONYMOUS)


def test_deliveries_of_every_forge_are_taken_within_what_an_inspection_may_cost(
    world: World,
) -> None:
    """The inspection of the largest body, signed or not, is within the network's bound for each."""
    now = world.pocket.pic.get_time()["nanos_since_epoch"] // 10**9
    taken = 0
    for number, kind in enumerate(KINDS):
        name = f"forge-{number}"
        value = {
            "repository": name,
            "provider": {kind.variant: None},
            "clone_url": "https://example.com/mike/diaspora.git",
            "secret": kind.secret,
        }
        ok(world.webhook.update("register_repository", value, caller=OWNER))
        ok(world.pipelines.update("register_pipeline", pipeline(name), caller=OWNER))
        world.pocket.run(2)

        def post(
            body: bytes,
            delivery: str,
            secret: bytes | None = None,
            kind: ForgeKind = kind,
            name: str = name,
        ) -> dict[str, Any]:
            key = kind.secret if secret is None else secret
            return {
                "method": "POST",
                "url": kind.path(name),
                "headers": kind.headers(body, delivery, kind.push_event, key, now),
                "body": body,
                "certificate_version": None,
            }

        padded = json.dumps(kind.push("refs/heads/main", OLD, SHA, x="")).encode()
        largest = padded[:-2] + b"x" * (MAX_DELIVERY_BYTES - len(padded)) + padded[-2:]
        wrong = kind.secret[:-4] + b"AAE="
        for body in (padded, largest):
            forged = post(body, "forged", wrong)
            assert world.webhook.query("http_request", forged)["status_code"] == 401
            with pytest.raises(ValueError, match=r"did not accept|inspect|rejected"):
                world.webhook.update("http_request_update", forged, caller=ANONYMOUS)
            good = post(body, f"d-{len(body)}")
            assert world.webhook.query("http_request", good)["upgrade"] is True, kind.name
            answer = world.webhook.update("http_request_update", good, caller=ANONYMOUS)
            assert answer["status_code"] == 202, (kind.name, answer)
            taken += 1
        world.pocket.run(2)
    assert len(world.executor.query("enqueued_runs")) == taken
