"""Every kind of forge at the canister's front door: what it answers, and what it starts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import pytest

from dcanary.testing.native import CanisterReject
from shared.rules.limits import MAX_DELIVERY_BYTES, MAX_INSPECTED_BYTES
from tests.canisters.installation import OWNER, Installation, ok
from tests.canisters.pipeline_config.pipelines import pipeline
from tests.canisters.webhook.forges import (
    GITHUB,
    KINDS,
    NONE,
    OLD,
    SHA,
    ForgeKind,
    github_samples,
)

OTHER = b"secret of another repository"
NAME = "diaspora"
CLONE_URL = "https://example.com/mike/diaspora.git"


class Front:
    """An installation with one repository of a forge, and that forge."""

    def __init__(self, kind: ForgeKind, clone_url: str = CLONE_URL) -> None:
        self.kind = kind
        self.system = Installation()
        self.webhook = self.system.webhook
        self.register(NAME, kind.secret, clone_url)
        wanted = pipeline(NAME)
        wanted["triggers"] = [{"Push": ["master", "release/*"]}, {"Tag": ["v*"]}]
        ok(self.system.pipelines.update("register_pipeline", wanted, caller=OWNER))
        self.system.run_until_idle()

    def register(self, name: str, secret: bytes, clone_url: str) -> None:
        value = {
            "repository": name,
            "provider": {self.kind.variant: None},
            "clone_url": clone_url,
            "secret": secret,
        }
        ok(self.webhook.update("register_repository", value, caller=OWNER))

    @property
    def now(self) -> int:
        """The network's clock in seconds."""
        return self.system.network.time_ns // 10**9

    def request(
        self,
        payload: object,
        *,
        event: str,
        delivery: str = "d-1",
        secret: bytes | None = None,
        now: int | None = None,
    ) -> dict[str, Any]:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signed_with = self.kind.secret if secret is None else secret
        moment = self.now if now is None else now
        headers = self.kind.headers(body, delivery, event, signed_with, moment)
        return {"method": "POST", "url": self.kind.path(), "headers": headers, "body": body}

    def post(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Through the query and, where that asks for it, the update."""
        answer = self.webhook.http(
            request["method"], request["url"], request["headers"], request["body"]
        )
        return answer["status_code"], json.loads(answer["body"])

    def push(
        self, ref: str = "refs/heads/master", after: str = SHA, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        payload = self.kind.push(ref, OLD if after == NONE else NONE, after)
        return self.post(self.request(payload, event=self.kind.event_of(ref), **more))

    def refuses(self, request: dict[str, Any], status: int) -> None:
        """By the free query; and who sends the update itself comes no further."""
        before = self.webhook.stable.data[:]
        answer = self.webhook.http_query(request)
        assert (answer["status_code"], answer["upgrade"]) == (status, None), answer
        with pytest.raises(CanisterReject, match="did not accept"):
            self.webhook.http_update(request)
        assert self.webhook.stable.data == before

    def runs(self) -> list[dict[str, Any]]:
        self.system.run_until_idle()
        executor = self.system.executor
        return [executor.query("enqueued", run) for run in executor.query("enqueued_runs")]


@pytest.fixture
def front(request: pytest.FixtureRequest) -> Front:
    return Front(request.param)


@pytest.fixture(scope="module")
def refusing(request: pytest.FixtureRequest) -> Front:
    """For requests that are refused: `Front.refuses` shows that they leave it as it was."""
    return Front(request.param)


each_front = pytest.mark.parametrize("front", KINDS, ids=lambda kind: kind.name, indirect=True)
each_refusing = pytest.mark.parametrize(
    "refusing", KINDS, ids=lambda kind: kind.name, indirect=True
)


@each_front
def test_a_push_becomes_a_run_of_the_pushed_commit(front: Front) -> None:
    status, content = front.push()
    assert (status, content) == (202, {"status": "accepted", "delivery": "d-1", "run": "run-1"})
    (run,) = front.runs()
    assert run["delivery"] == "d-1"
    assert run["source"]["clone_url"] == CLONE_URL
    assert (run["source"]["ref"], run["source"]["sha"]) == ("refs/heads/master", SHA)
    assert run["source"]["message"].strip() in ("fixed readme", "Webhooks Yay!")
    assert run["source"]["author"] in ("John Smith", "GitLab dev user", "Gitea")
    assert front.system.delivery("d-1", NAME)["event"] == front.kind.push_event


@each_front
def test_a_tag_becomes_a_run_and_its_deletion_does_not(front: Front) -> None:
    tag = "refs/tags/v1.0.0"
    assert front.push(tag)[0] == 202
    status, content = front.push(tag, NONE, delivery="d-2")
    assert (status, content["reason"]) == (200, "ignored, because tag v1.0.0 was deleted")
    (run,) = front.runs()
    assert (run["source"]["ref"], run["source"]["sha"]) == (tag, SHA)


@each_front
def test_what_no_trigger_wants_is_ignored_with_its_reason(front: Front) -> None:
    status, content = front.push("refs/heads/feature")
    assert status == 200
    assert content["reason"].endswith("no trigger of the pipeline matches branch feature")
    assert front.runs() == []


@each_front
def test_a_push_that_comes_twice_is_one_run(front: Front) -> None:
    again = {"status": "duplicate", "delivery": "d-1", "run": "run-1"}
    assert front.push()[0] == 202
    assert front.push() == (200, again)
    front.system.network.advance(200)
    assert front.push() == (200, again)
    assert len(front.runs()) == 1


@each_front
def test_every_documented_event_that_is_no_push_says_why_it_starts_nothing(front: Front) -> None:
    for number, event in enumerate(front.kind.events):
        payload = {**front.kind.other_payload(), "number": number}
        asked = front.request(payload, event=event, delivery=f"d-{number}")
        status, content = front.post(asked)
        assert (status, content["status"]) == (200, "ignored"), (event, content)
        assert content["reason"].startswith("ignored, because "), content
        stored = front.system.delivery(f"d-{number}", NAME)
        assert stored["state"] == {"Ignored": content["reason"]}
        assert stored["event"] == event
    assert front.runs() == []


@each_front
def test_what_is_not_signed_costs_no_update_and_changes_nothing(front: Front) -> None:
    front.register("other", front.kind.secret[:-4] + b"BBB=", CLONE_URL)
    kind = front.kind
    good = front.request(kind.push("refs/heads/master", OLD, SHA), event=kind.push_event)
    wrong = kind.secret[:-4] + b"AAE="
    signing = [name for name, _ in good["headers"] if "ignature" in name or "Token" in name]
    unsigned = [(name, value) for name, value in good["headers"] if name not in signing]
    doubled = [*good["headers"], *(each for each in good["headers"] if each[0] in signing)]
    emptied = [(name, "" if name in signing else value) for name, value in good["headers"]]
    for headers in (
        kind.headers(good["body"], "d-1", kind.push_event, wrong, front.now),
        unsigned,
        doubled,
        emptied,
        [],
    ):
        front.refuses({**good, "headers": headers}, 401)
    front.refuses({**good, "url": kind.path("other")}, 401)
    for other in KINDS:
        if other.provider != kind.provider:
            front.refuses({**good, "url": other.path()}, 404)
    assert front.post(good)[0] == 202


@each_refusing
def test_a_changed_or_cut_body_is_refused_where_the_body_is_signed(refusing: Front) -> None:
    good = refusing.request(
        refusing.kind.push("refs/heads/master", OLD, SHA), event=refusing.kind.push_event
    )
    signed = refusing.kind.name != "gitlab with a secret token"
    for body in (good["body"][:-1], good["body"] + b" ", b"", good["body"].replace(b"{", b"[")):
        changed = {**good, "body": body}
        if signed:
            refusing.refuses(changed, 401)
        elif body != good["body"] + b" ":
            refusing.refuses(changed, 400)


@each_front
def test_a_push_of_another_repository_is_refused_and_shown_though_it_is_signed(
    front: Front,
) -> None:
    """Who registered a wrong clone URL saw no deliveries: the forge's log alone had the reason."""
    text = json.dumps(front.kind.push("refs/heads/master", OLD, SHA))
    place = ("repository", "project")
    nowhere = {key: value for key, value in json.loads(text).items() if key not in place}
    bodies = [text.replace("mike/diaspora", other).encode() for other in ("eve/x", "mike/y")]
    for number, body in enumerate((*bodies, json.dumps(nowhere).encode())):
        asked = front.request(body, event=front.kind.push_event, delivery=f"d-{number}")
        status, content = front.post(asked)
        assert status == 400
        assert "not of repository diaspora" in content["error"]
        assert front.system.delivery(f"d-{number}", NAME)["state"] == {
            "Ignored": f"ignored, because {content['error']}"
        }
        # It is recorded once, whoever sends it again.
        front.system.run_until_idle()
        before = front.webhook.stable.data[:]
        answer = front.webhook.http_query(asked)
        assert (answer["status_code"], answer["upgrade"]) == (400, None)
        assert front.post(asked)[0] == 400
        assert front.webhook.stable.data == before
    assert front.runs() == []


@each_refusing
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"[" * 70_000, b"payload=%7B", gzip.compress(b"{}", mtime=0)],
    ids=["empty", "list", "cut", "no UTF-8", "deep", "form", "gzipped"],
)
def test_a_signed_body_that_is_no_object_is_refused(refusing: Front, body: bytes) -> None:
    asked = refusing.request(body, event=refusing.kind.push_event)
    if body == b"payload=%7B" and refusing.kind.provider == "gitea":
        # Gitea signs the JSON in a form, not the form.
        refusing.refuses(asked, 401)
    elif len(body) < MAX_INSPECTED_BYTES:
        refusing.refuses(asked, 400)
    status, content = refusing.post(asked)
    assert status == 401 or "send application/json" in content["error"]


@each_refusing
def test_a_delivery_without_a_usable_id_or_event_is_refused(refusing: Front) -> None:
    payload = refusing.kind.push("refs/heads/master", OLD, SHA)
    unnamed = refusing.request(payload, event=refusing.kind.push_event, delivery="")
    # Where the id is signed, there is no signature without one.
    refusing.refuses(unnamed, 401 if refusing.kind.name == "gitlab with a signing token" else 400)
    for delivery in ("a/b", "x" * 101, "manual-run-1"):
        refusing.refuses(
            refusing.request(payload, event=refusing.kind.push_event, delivery=delivery), 400
        )
    for event in ("", "x" * 65, "push/x", "pu.sh", "é"):
        refusing.refuses(refusing.request(payload, event=event), 400)


@each_front
def test_a_delivery_over_the_limit_is_recorded_with_what_to_do(front: Front) -> None:
    body = b" " * (MAX_DELIVERY_BYTES + 1)
    assert front.post(front.request(body, event=front.kind.push_event))[0] == 413
    assert "start the run by hand" in front.system.delivery("d-1", NAME)["state"]["Ignored"]


@each_refusing
def test_an_unsigned_body_of_any_size_is_not_let_in(refusing: Front) -> None:
    body = b"x" * 1_490_000
    asked = refusing.request(
        body, event=refusing.kind.push_event, secret=refusing.kind.secret[:-4] + b"AAA="
    )
    refusing.refuses(asked, 401)


@each_front
def test_secrets_rotate_with_two_live_ones(front: Front) -> None:
    new = front.kind.secret[:-4] + b"AAA="
    ok(front.webhook.update("rotate_secret", NAME, new, caller=OWNER))
    assert front.push(delivery="a")[0] == 202
    assert front.push(delivery="b", after=OLD[::-1], secret=new)[0] == 202
    ok(front.webhook.update("drop_old_secret", NAME, caller=OWNER))
    assert front.push(delivery="c", after=SHA[::-1])[0] == 401
    assert front.push(delivery="c", after=SHA[::-1], secret=new)[0] == 202


def test_every_sample_of_github_has_the_answer_that_its_event_has() -> None:
    """All of `@octokit/webhooks-examples`: github.com's, most of which are of one repository."""
    front = Front(GITHUB, "https://github.com/Codertocat/Hello-World.git")
    answers: Counter[tuple[int, str]] = Counter()
    for number, (event, payload) in enumerate(github_samples()):
        asked = front.request(payload, event=event, delivery=f"d-{number}")
        status, content = front.post(asked)
        answers[status, content["status"]] += 1
        place = payload.get("repository") or {}
        if place.get("full_name") != "Codertocat/Hello-World":
            assert status == 400, (event, content)
            assert "the payload is not of repository diaspora" in content["error"]
        elif status == 202:
            assert (event, payload["ref"]) == ("push", "refs/heads/master")
        else:
            assert status == 200
            assert content["reason"].startswith("ignored, because ")
            if event == "push":
                assert "simple-tag was deleted" in content["reason"] or payload["after"] != NONE
    assert answers == {(200, "ignored"): 228, (202, "accepted"): 2, (400, "error"): 99}
    assert len(front.runs()) == 2


def test_githubs_other_events_say_what_is_true_of_them_today() -> None:
    front = Front(GITHUB)
    said = {}
    for event in ("create", "delete", "release", "workflow_dispatch", "issues"):
        payload = {**GITHUB.other_payload(), "event": event}
        asked = front.request(payload, event=event, delivery=event)
        said[event] = front.post(asked)[1]["reason"].removeprefix("ignored, because ")
    later = "event {} is not supported yet"
    assert said == {
        "create": "the push of a new branch or tag starts its run, not its creation",
        "delete": "a branch or tag was deleted",
        "release": (
            "releases of this forge are not supported yet: the delivery names a tag and not its "
            "commit. A trigger of tags starts a run when the tag is pushed"
        ),
        "workflow_dispatch": later.format("workflow_dispatch"),
        "issues": "event issues starts no run (only push and pull_request do)",
    }
