"""Pushes become signed deliveries that arrive once the receiver takes them."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dcanary.forge import Delivery, Forge, ForgeError
from dcanary.forge.sender import Sender
from dcanary.forge.webhooks import Webhook
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, wait_for
from tests.replica.helpers.proxies import PROXIES, set_proxies

SECRET = "a secret of the demo repository"


def payloads(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.requests]


def test_a_push_is_posted_with_githubs_headers_and_a_valid_signature(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    sha = copy.commit("Say hello\n\nAnd more.")
    copy.push()
    (delivery,) = ended_deliveries(forge, "demo", 1)
    (request,) = receiver.requests
    assert request.path == "/webhook/github/demo"
    assert request.headers["x-github-event"] == "push"
    assert request.headers["x-github-delivery"] == delivery.delivery
    assert re.fullmatch(r"[0-9a-f-]{36}", delivery.delivery)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("DCanary-Forge/")
    digest = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 202, 1)
    assert delivery.response == '{"status":"ok"}'
    assert (delivery.ref, delivery.after) == ("refs/heads/main", sha)


def test_the_payload_has_the_fields_of_a_github_push(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    first = copy.commit("First", "kept.txt")
    copy.commit("Second", "gone.txt")
    copy.push()
    (copy.folder / "gone.txt").unlink()
    (copy.folder / "kept.txt").write_text("changed")
    last = copy.commit("Third ü", "née/new file.txt")
    copy.push()
    ended_deliveries(forge, "demo", 2)
    created, pushed = payloads(receiver)
    assert created["before"] == "0" * 40
    assert (created["created"], created["deleted"], created["forced"]) == (True, False, False)
    assert created["commits"][0]["id"] == first
    assert len(created["commits"]) == 2
    assert pushed["before"] == created["after"]
    assert pushed["after"] == last
    assert (pushed["created"], pushed["deleted"], pushed["forced"]) == (False, False, False)
    assert [commit["id"] for commit in pushed["commits"]] == [last]
    head = pushed["head_commit"]
    assert head["message"] == "Third ü"
    assert head["author"] == {"name": "Ada", "email": "ada@example.org"}
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", head["timestamp"])
    assert (head["added"], head["removed"], head["modified"]) == (
        ["née/new file.txt"],
        ["gone.txt"],
        ["kept.txt"],
    )
    repository = pushed["repository"]
    assert (repository["name"], repository["full_name"]) == ("demo", "local/demo")
    assert repository["clone_url"] == forge.clone_url("demo")
    assert repository["default_branch"] == "main"
    assert pushed["pusher"]["name"]
    assert pushed["sender"]["login"]


def test_every_ref_of_a_push_is_a_delivery_of_its_own(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    sha = copy.commit()
    copy.git("tag", "-a", "v1", "-m", "One")
    copy.push("HEAD:main", "HEAD:release/1", "v1")
    deliveries = ended_deliveries(forge, "demo", 3)
    assert len({each.delivery for each in deliveries}) == 3
    by_ref = {payload["ref"]: payload for payload in payloads(receiver)}
    assert set(by_ref) == {"refs/heads/main", "refs/heads/release/1", "refs/tags/v1"}
    assert by_ref["refs/tags/v1"]["head_commit"]["id"] == sha
    assert by_ref["refs/tags/v1"]["after"] != sha
    assert len(by_ref["refs/heads/main"]["commits"]) == 1


def test_a_rewritten_branch_is_forced_and_a_deleted_one_has_no_head(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit("Base")
    copy.push("HEAD:main", "HEAD:old")
    copy.git("commit", "--quiet", "--amend", "-m", "Rewritten")
    copy.git("push", "--quiet", "--force", "origin", "HEAD:old")
    copy.git("push", "--quiet", "origin", ":old")
    ended_deliveries(forge, "demo", 4)
    forced, deleted = payloads(receiver)[2:]
    assert (forced["forced"], forced["created"]) == (True, False)
    assert (deleted["deleted"], deleted["after"]) == (True, "0" * 40)
    assert deleted["head_commit"] is None
    assert deleted["commits"] == []


def test_a_large_push_lists_its_newest_commits_and_stays_small(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    script = "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {1_700_000_000 + i} +0000\ndata 9000\n"
        + f"{i:04d}".ljust(9_000, "x")
        + "\n"
        for i in range(120)
    )
    script_file = copy.folder / "import"
    script_file.write_text(script)
    with script_file.open() as stdin:
        subprocess.run(
            ["git", "fast-import", "--quiet"], cwd=copy.folder, stdin=stdin, check=True, timeout=60
        )
    copy.push("main:main")
    ended_deliveries(forge, "demo", 1)
    (payload,) = payloads(receiver)
    assert [commit["message"][:4] for commit in payload["commits"]] == [
        f"{i:04d}" for i in range(70, 120)
    ]
    assert len(receiver.requests[0].body) < 1_000_000


def test_a_receiver_that_fails_is_tried_again_and_one_that_refuses_is_not(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    receiver.statuses = [500, 429, 202]
    copy.commit("One")
    copy.push()
    (delivery,) = ended_deliveries(forge, "demo", 1)
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    assert len({request.headers["x-github-delivery"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    receiver.statuses = [401, 302]
    copy.commit("Two")
    copy.push()
    assert ended_deliveries(forge, "demo", 2)[1].state == "failed"
    copy.commit("Three")
    copy.push()
    assert ended_deliveries(forge, "demo", 3)[2].status == 302
    assert len(receiver.requests) == 5


def test_an_unreachable_receiver_gets_the_delivery_when_it_is_there(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", "http://127.0.0.1:1/x", SECRET)
    copy.commit()
    copy.push()
    wait_for(lambda: [each.state for each in forge.deliveries("demo")] == ["retrying"])
    assert "http://127.0.0.1:1/x could not be reached" in forge.deliveries("demo")[0].error
    forge.set_webhook("demo", receiver.url(), SECRET)
    (delivery,) = ended_deliveries(forge, "demo", 1)
    assert delivery.state == "delivered"
    assert delivery.attempts > 1


def test_a_delivery_can_be_sent_again_under_its_id_with_the_present_secret(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit()
    copy.push()
    (delivery,) = ended_deliveries(forge, "demo", 1)
    forge.set_webhook("demo", receiver.url(), b"another secret of it")
    forge.redeliver("demo", delivery.delivery)
    wait_for(lambda: len(receiver.requests) == 2)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["x-github-delivery"] == second.headers["x-github-delivery"]
    assert first.headers["x-hub-signature-256"] != second.headers["x-hub-signature-256"]
    assert len(ended_deliveries(forge, "demo", 1)) == 1
    with pytest.raises(ForgeError, match="there is no delivery"):
        forge.redeliver("demo", "unknown")


def test_a_push_without_webhook_is_kept_and_can_be_delivered_later(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    copy.commit()
    copy.push()
    (delivery,) = ended_deliveries(forge, "demo", 1)
    assert (delivery.state, delivery.attempts) == ("skipped", 0)
    forge.set_webhook("demo", receiver.url(), SECRET)
    forge.redeliver("demo", delivery.delivery)
    wait_for(lambda: forge.deliveries("demo")[0].state == "delivered")


def test_a_host_under_localhost_is_this_machine_and_keeps_its_host_header(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url("abcde-cai.localhost"), SECRET)
    copy.commit()
    copy.push()
    assert ended_deliveries(forge, "demo", 1)[0].state == "delivered"
    assert receiver.requests[0].headers["host"] == f"abcde-cai.localhost:{receiver.port}"


def test_open_deliveries_and_pushes_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    root = tmp_path / "forge"
    with Forge(root) as first:
        made = first.create_repository("demo")
        first.set_webhook("demo", "http://127.0.0.1:1/x", SECRET)
        copy = WorkingCopy(tmp_path / "copy", made.clone_url)
        copy.commit("One")
        copy.push()
        wait_for(lambda: [each.state for each in first.deliveries("demo")] == ["retrying"])
        open_id = first.deliveries("demo")[0].delivery
    # While no forge runs: a push straight into the repository's folder, and a new webhook.
    copy.commit("Two")
    copy.git("push", "--quiet", str(made.path), "HEAD:main")
    stopped = Forge(root)
    stopped.set_webhook("demo", receiver.url(), SECRET)
    assert stopped.running() is None
    with Forge(root) as second:
        assert second.clone_url("demo") == made.clone_url
        deliveries = ended_deliveries(second, "demo", 2)
        assert [each.state for each in deliveries] == ["delivered", "delivered"]
        assert deliveries[0].delivery == open_id
    assert [payload["head_commit"]["message"] for payload in payloads(receiver)] == ["One", "Two"]


def test_the_log_survives_a_line_that_was_cut_short(
    forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit("One")
    copy.push()
    ended_deliveries(forge, "demo", 1)
    log = next(copy.folder.parent.glob("forge/deliveries/demo.jsonl"))
    with log.open("a") as file:
        file.write('{"time": 17, "delivery": "cut')
    copy.commit("Two")
    copy.push()
    assert [each.state for each in ended_deliveries(forge, "demo", 2)] == ["delivered", "delivered"]


def test_secrets_are_in_a_file_of_their_own_and_nowhere_else(
    tmp_path: Path, forge: Forge, copy: WorkingCopy, receiver: Receiver
) -> None:
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy.commit()
    copy.push()
    ended_deliveries(forge, "demo", 1)
    encoded = base64.b64encode(SECRET.encode())
    holders = [
        path
        for path in (tmp_path / "forge").rglob("*")
        if path.is_file() and (SECRET.encode() in path.read_bytes() or encoded in path.read_bytes())
    ]
    assert holders == [tmp_path / "forge" / "secrets" / "demo.json"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "forge").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/y",
        "http://",
        "http:///x",
        "//x",
        "http://h:port/",
        "http://u:p@h/",
        "file:///x",
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused(forge: Forge, url: str) -> None:
    forge.create_repository("other")
    with pytest.raises(ForgeError, match="webhook URL"):
        forge.set_webhook("other", url, SECRET)


def test_a_webhook_needs_a_repository_and_a_secret(forge: Forge, receiver: Receiver) -> None:
    with pytest.raises(ForgeError, match="no repository unknown"):
        forge.set_webhook("unknown", receiver.url(), SECRET)
    forge.create_repository("other")
    with pytest.raises(ForgeError, match="needs a secret"):
        forge.set_webhook("other", receiver.url(), "")


@pytest.mark.parametrize("settings", PROXIES.values(), ids=PROXIES)
def test_a_delivery_to_this_machine_takes_no_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    set_proxies(monkeypatch, settings)
    delivery = Delivery(
        "1", "demo", "push", "refs/heads/main", "", "", "queued", 0, None, "", "", 0.0, 0.0
    )

    async def post(url: str) -> Delivery:
        sender = Sender(5)
        try:
            return await sender.send(delivery, Webhook(url, SECRET.encode()), b"{}")
        finally:
            await sender.close()

    assert asyncio.run(post(receiver.url())).status == 202
    outside = asyncio.run(post("http://forge.invalid/"))
    assert outside.status is None
    assert "could not be reached" in outside.error
