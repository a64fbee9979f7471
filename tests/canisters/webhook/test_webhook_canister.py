"""The webhook canister from outside: HTTP, administration, and the way to pipeline_config."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from dcanary.testing.native import ANONYMOUS, CanisterReject
from shared.rules.limits import MAX_DELIVERY_BYTES, MAX_OPEN_DELIVERIES_PER_REPOSITORY
from tests.canisters.installation import (
    ADMIN,
    FIRST_PAGE,
    OPERATOR,
    OWNER,
    SECRET,
    SHA,
    STRANGER,
    Installation,
    delivery_headers,
    error,
    ok,
    push_payload,
)
from tests.canisters.pipeline_config.pipelines import pipeline

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def ready(installation: Installation) -> Installation:
    """A repository with a pipeline, its triggers already in the webhook canister."""
    installation.register_repository()
    ok(installation.pipelines.update("register_pipeline", pipeline(), caller=OWNER))
    installation.run_until_idle()
    return installation


def test_a_signed_push_becomes_a_run_of_the_registered_clone_url(ready: Installation) -> None:
    assert ready.deliver() == (202, {"status": "accepted", "delivery": "d-1", "run": "run-1"})
    assert ready.delivery()["state"] == {"Dispatching": None}
    ready.run_until_idle()
    delivery = ready.delivery()
    assert delivery["state"] == {"Dispatched": None}
    assert (delivery["run"], delivery["sha"], delivery["attempts"]) == ("run-1", SHA, 1)
    spec = ready.executor.query("enqueued", "run-1")
    assert spec["source"] == {
        "repository": "demo",
        "clone_url": "https://example.org/demo.git",
        "ref": "refs/heads/main",
        "sha": SHA,
        "message": "Count",
        "author": "Ada",
    }
    assert (spec["delivery"], spec["pipeline_version"]) == ("d-1", 1)
    assert ready.webhook.query("health")["open"] == 0


def test_the_same_delivery_twice_is_one_run_and_the_second_answer_names_it(
    ready: Installation,
) -> None:
    ready.deliver()
    again = (200, {"status": "duplicate", "delivery": "d-1", "run": "run-1"})
    assert ready.deliver() == again
    ready.run_until_idle()
    assert ready.deliver() == again
    assert ready.executor.query("enqueued_runs") == ["run-1"]


def test_the_same_delivery_concurrently_is_one_run(ready: Installation) -> None:
    body = push_payload()
    request = {
        "method": "POST",
        "url": "/webhook/github/demo",
        "headers": delivery_headers(body, "d-1"),
        "body": body,
        "certificate_version": None,
    }
    waiting = [ready.webhook.submit("http_request_update", request) for _ in range(5)]
    replies = [pending.result() for pending in waiting]
    statuses = [reply["status_code"] for reply in replies]
    assert sorted(statuses) == [200, 200, 200, 200, 202]
    assert {json.loads(reply["body"])["run"] for reply in replies} == {"run-1"}
    ready.run_until_idle()
    assert ready.executor.query("call_count") == 1


def test_a_wrong_signature_is_answered_by_the_query_and_changes_nothing(
    ready: Installation,
) -> None:
    ready.register_repository("other", b"secret of the other one")
    before = ready.webhook.stable.data[:]
    for secret in (b"wrong secret", b"secret of the other one"):
        status, content = ready.deliver(secret=secret)
        assert (status, content["status"]) == (401, "error")
    body = push_payload()
    answer = ready.webhook.http("POST", "/webhook/github/demo", [("x-github-event", "push")], body)
    assert answer["status_code"] == 401
    assert ready.webhook.stable.data == before
    assert ready.deliver()[0] == 202


def request(body: bytes, **changes: Any) -> dict[str, Any]:
    made = {
        "method": "POST",
        "url": "/webhook/github/demo",
        "headers": delivery_headers(body, "d-1"),
        "body": body,
    }
    return {**made, **changes}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"url": "/webhook/github/unknown"}, 404),
        ({"url": "/webhook/gitlab/demo"}, 404),
        ({"method": "PUT"}, 405),
        ({"headers": []}, 401),
        ({"body": b"x" * 1_490_000}, 401),
        ({"body": b"x" * (MAX_DELIVERY_BYTES + 1)}, 401),
    ],
)
def test_forged_requests_cost_no_update_whether_they_ask_the_query_first_or_not(
    ready: Installation, changes: dict[str, Any], status: int
) -> None:
    forged = {**request(push_payload()), **changes}
    answer = ready.webhook.http_query(forged)
    assert (answer["status_code"], answer["upgrade"]) == (status, None)
    with pytest.raises(CanisterReject, match="did not accept"):
        ready.webhook.http_update(forged)


def test_an_update_that_was_overtaken_by_its_duplicate_is_answered_not_dropped(
    ready: Installation,
) -> None:
    """Both asked the query before either was recorded, as forges' retries do."""
    body = push_payload()
    sent = request(body)
    other = request(body, headers=delivery_headers(body, "d-2"))
    for each in (sent, other):
        assert ready.webhook.http_query(each)["upgrade"] is True
    assert ready.webhook.http_update(sent)["status_code"] == 202
    for each in (sent, other):
        late = ready.webhook.http_update(each)
        assert late["status_code"] == 200
        assert json.loads(late["body"]) == {
            "status": "duplicate",
            "delivery": "d-1",
            "run": "run-1",
        }
    assert ok(ready.webhook.query("get_repository", "demo"))["deliveries"] == 1


@pytest.mark.parametrize("event", ["issues", "push"])
def test_an_overtaken_update_that_starts_no_run_is_answered_too(
    ready: Installation, event: str
) -> None:
    body = b" " * (MAX_DELIVERY_BYTES + 1) if event == "push" else push_payload()
    sent = request(body, headers=delivery_headers(body, "d-1", event))
    first = ready.webhook.http_update(sent)["status_code"]
    assert ready.webhook.http_update(sent)["status_code"] == first


def test_a_captured_delivery_costs_an_update_only_once(ready: Installation) -> None:
    """Under its own id or another one, as a push or as anything else."""
    assert ready.deliver()[0] == 202
    ready.network.advance(31)
    body = push_payload(compare="d-1")
    for delivery, event in (("d-1", "push"), ("d-2", "push"), ("d-3", "issues")):
        again = request(body, headers=delivery_headers(body, delivery, event))
        answer = ready.webhook.http_query(again)
        assert (answer["status_code"], answer["upgrade"]) == (200, None)
        with pytest.raises(CanisterReject, match="did not accept"):
            ready.webhook.http_update(again)


@pytest.mark.parametrize("argument", [b"", b"DIDL", b"DIDL\0\0", b"DIDL\x01\x6c\0\x01\0"])
def test_what_is_no_request_is_not_accepted(ready: Installation, argument: bytes) -> None:
    with pytest.raises(CanisterReject, match="did not accept"):
        ready.webhook.submit_raw("http_request_update", argument)


def test_an_ignored_record_shadows_no_push(ready: Installation) -> None:
    """Who saw the body can post it first, under the true id and another event."""
    body = push_payload()
    assert ready.deliver("d-1", body, event="issues")[1]["status"] == "ignored"
    assert ready.deliver("d-1", body) == (
        202,
        {"status": "accepted", "delivery": "d-1", "run": "run-1"},
    )
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}
    assert ready.delivery()["event"] == "push"
    assert ok(ready.webhook.query("get_repository", "demo"))["deliveries"] == 1


def test_a_push_that_no_trigger_wanted_runs_when_it_is_delivered_again_and_one_does(
    ready: Installation,
) -> None:
    body = push_payload("refs/heads/feature")
    assert ready.deliver("d-1", body)[1]["status"] == "ignored"
    assert ready.deliver("d-1", body)[1]["status"] == "duplicate"
    triggers = [{"Push": ["feature"]}]
    ok(ready.pipelines.update("set_pipeline_triggers", "demo", triggers, caller=OWNER))
    ready.run_until_idle()
    assert ready.deliver("d-1", body)[1]["run"] == "run-1"


def test_a_form_is_read_as_json_is(ready: Installation) -> None:
    """`application/x-www-form-urlencoded` is GitHub's default."""
    form = urlencode({"payload": push_payload()}).encode()
    headers = [*delivery_headers(form, "d-1")[1:], ("content-type", FORM)]
    answer = ready.webhook.http("POST", "/webhook/github/demo", headers, form)
    assert answer["status_code"] == 202
    ready.run_until_idle()
    assert ready.executor.query("enqueued", "run-1")["source"]["message"] == "Count"


def test_a_push_that_is_signed_for_another_repository_is_refused(ready: Installation) -> None:
    body = push_payload(repository={"clone_url": "https://example.org/other.git"})
    status, content = ready.deliver(body=body)
    assert status == 400
    assert "https://example.org/other.git" in content["error"]
    kept = ready.delivery()
    assert "https://example.org/other.git" in kept["state"]["Ignored"]
    assert kept["run"] is None


def test_a_signed_body_over_the_limit_is_shown_with_what_to_do(ready: Installation) -> None:
    body = b" " * (MAX_DELIVERY_BYTES + 1)
    status, content = ready.deliver(body=body)
    assert status == 413
    assert "MAX_DELIVERY_BYTES" in content["error"]
    delivery = ready.delivery()
    assert "start the run by hand" in delivery["state"]["Ignored"]
    assert ok(ready.webhook.query("get_repository", "demo"))["deliveries"] == 1
    again = request(body, headers=delivery_headers(body, "d-2"))
    answer = ready.webhook.http_query(again)
    assert (answer["status_code"], answer["upgrade"]) == (413, None)


def test_unknown_repositories_and_paths_are_404_and_change_nothing(ready: Installation) -> None:
    assert ready.deliver(repository="unknown")[0] == 404
    assert ready.webhook.http("GET", "/nothing")["status_code"] == 404
    assert ready.webhook.http("POST", "/")["status_code"] == 404
    assert ready.webhook.query("health")["records"] == 0


def test_other_methods_on_a_webhook_path_are_405(ready: Installation) -> None:
    assert ready.webhook.http("GET", "/webhook/github/demo")["status_code"] == 405
    assert ready.webhook.http("PUT", "/webhook/github/demo")["status_code"] == 405


def test_the_front_page_says_what_this_is(ready: Installation) -> None:
    for url in ("/", "/?canisterId=aaaaa-aa"):
        answer = ready.webhook.http("GET", url)
        assert answer["status_code"] == 200
        assert b"/webhook/<provider>/<repository>" in answer["body"]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"9" * 100_000]
)
def test_a_signed_body_that_is_no_json_object_is_400(ready: Installation, body: bytes) -> None:
    status, content = ready.deliver(body=body)
    assert status == 400
    assert content["error"]
    error(ready.webhook.query("get_delivery", "demo", "d-1"), "NotFound")


def test_an_event_that_is_not_subscribed_is_ignored_with_the_reason(ready: Installation) -> None:
    status, content = ready.deliver(event="issues")
    assert (status, content["status"]) == (200, "ignored")
    assert content["reason"].startswith("ignored, because")
    delivery = ready.delivery()
    assert delivery["state"] == {"Ignored": content["reason"]}
    assert delivery["run"] is None
    assert ready.deliver(event="issues")[1] == {
        "status": "duplicate",
        "delivery": "d-1",
        "run": None,
    }


def test_a_branch_outside_the_trigger_starts_no_run(ready: Installation) -> None:
    status, content = ready.deliver(body=push_payload("refs/heads/feature"))
    assert (status, content["status"]) == (200, "ignored")
    ready.run_until_idle()
    assert ready.executor.query("enqueued_runs") == []
    assert ready.delivery()["ref"] == "refs/heads/feature"


def test_a_ping_is_answered(ready: Installation) -> None:
    assert ready.deliver(event="ping", body=b'{"zen":"x","repository":{"name":"demo"}}')[0] == 200
    assert ready.webhook.query("health")["records"] == 0


@pytest.mark.parametrize("repository", [None, "demo", {}, {"name": None}])
def test_a_push_that_names_no_repository_starts_nothing(
    ready: Installation, repository: object
) -> None:
    status, content = ready.deliver(body=push_payload(repository=repository))
    assert status == 400
    assert "names no repository" in content["error"]
    assert "names no repository" in ready.delivery()["state"]["Ignored"]


def test_answers_are_json_and_must_not_be_cached(ready: Installation) -> None:
    body = push_payload()
    answer = ready.webhook.http("POST", "/webhook/github/demo", delivery_headers(body, "d-9"), body)
    assert dict(answer["headers"])["content-type"] == "application/json"
    assert dict(answer["headers"])["cache-control"] == "no-store"


def test_the_largest_texts_of_a_push_can_be_stored(ready: Installation) -> None:
    name = "release/" + "é" * 190
    commit = {"id": SHA, "message": "😀" * 2_000, "author": {"name": "😀" * 200}}
    status, _ = ready.deliver("x" * 100, push_payload("refs/heads/" + name, head_commit=commit))
    assert status == 202
    ready.run_until_idle()
    assert ready.delivery("x" * 100)["state"] == {"Dispatched": None}
    assert ready.deliver("y", push_payload("refs/heads/" + "é" * 200))[0] == 200


def test_lone_surrogates_in_a_payload_do_not_trap(ready: Installation) -> None:
    commit = {"id": SHA, "message": "\ud800", "author": {"name": "\udfff"}}
    assert ready.deliver(body=push_payload(head_commit=commit))[0] == 202
    ready.run_until_idle()
    assert ready.executor.query("enqueued", "run-1")["source"]["message"] == "?"


def test_an_unreachable_pipeline_config_gets_the_run_when_it_is_back() -> None:
    later = Installation()
    later.register_repository()
    ok(later.pipelines.update("register_pipeline", pipeline(), caller=OWNER))
    later.run_until_idle()
    later.executor.update("answer_with", "enqueue_run", "trap")
    assert later.deliver()[0] == 202
    later.run_until_idle()
    assert later.delivery()["state"] == {"Dispatching": None}
    later.network.advance(10)
    attempts = later.delivery()["attempts"]
    assert 3 <= attempts <= 6
    later.executor.update("answer_with", "enqueue_run", "Unavailable")
    later.network.advance(70)
    assert later.delivery()["attempts"] > attempts
    later.executor.update("answer_with", "enqueue_run", "Ok")
    later.network.advance(70)
    assert later.delivery()["state"] == {"Dispatched": None}
    assert later.executor.query("enqueued_runs") == ["run-1"]


def test_a_final_refusal_is_kept_and_can_be_replayed_under_the_same_run(
    ready: Installation,
) -> None:
    ready.executor.update("answer_with", "enqueue_run", "Invalid")
    ready.deliver()
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Refused": "enqueue_run was told to refuse"}
    assert ready.webhook.query("health")["open"] == 0
    error(ready.webhook.update("replay_delivery", "demo", "d-1", caller=STRANGER), "Denied")
    ready.executor.update("answer_with", "enqueue_run", "Ok")
    assert ready.webhook.update("replay_delivery", "demo", "d-1", caller=OWNER) == {"Ok": "run-1"}
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}
    error(ready.webhook.update("replay_delivery", "demo", "d-1", caller=OWNER), "Conflict")
    error(ready.webhook.update("replay_delivery", "demo", "d-2", caller=OWNER), "NotFound")
    assert ready.executor.query("enqueued_runs") == ["run-1"]


def test_an_ignored_delivery_cannot_be_replayed(ready: Installation) -> None:
    ready.deliver(event="issues")
    error(ready.webhook.update("replay_delivery", "demo", "d-1", caller=OWNER), "Conflict")


def test_a_waiting_delivery_can_be_sent_without_waiting_longer(ready: Installation) -> None:
    ready.executor.update("answer_with", "enqueue_run", "Unavailable")
    ready.deliver()
    ready.network.advance(40)
    ready.executor.update("answer_with", "enqueue_run", "Ok")
    assert ready.webhook.update("replay_delivery", "demo", "d-1", caller=OWNER) == {"Ok": "run-1"}
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}


def test_an_upgrade_before_the_run_was_sent_loses_nothing(ready: Installation) -> None:
    ready.deliver()
    ready.webhook.upgrade()
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}
    assert ready.executor.query("enqueued_runs") == ["run-1"]
    assert ready.deliver()[1]["status"] == "duplicate"


def test_an_upgrade_while_the_run_waits_to_be_sent_again_loses_nothing(
    ready: Installation,
) -> None:
    ready.executor.update("answer_with", "enqueue_run", "Unavailable")
    ready.deliver()
    ready.network.advance(20)
    ready.executor.update("answer_with", "enqueue_run", "Ok")
    ready.webhook.upgrade()
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}


def test_an_upgrade_with_the_answer_on_its_way_sends_again_and_makes_one_run(
    ready: Installation,
) -> None:
    ready.deliver()
    # Stop when build_executor has the run but the webhook canister has no answer yet.
    for _ in range(100):
        if not ready.network.step():
            ready.webhook.fire_timer()
        if ready.executor.query("call_count") == 1:
            break
    assert ready.delivery()["state"] == {"Dispatching": None}
    ready.webhook.upgrade()
    ready.network.messages.clear()
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}
    assert ready.executor.query("enqueued_runs") == ["run-1"]


def test_run_numbers_go_on_after_an_upgrade(ready: Installation) -> None:
    ready.deliver("d-1")
    ready.webhook.upgrade()
    assert ready.deliver("d-2")[1]["run"] == "run-2"


def test_deliveries_before_wiring_wait_for_it() -> None:
    bare = Installation(wired=False)
    bare.register_repository()
    ok(bare.pipelines.update("register_pipeline", pipeline(), caller=OWNER))
    bare.network.advance(100)
    assert bare.deliver()[1]["status"] == "ignored"
    error(bare.webhook.update("sync_triggers", "demo", [], caller=bare.pipelines), "Unavailable")
    bare.wire()
    bare.run_until_idle()
    assert bare.deliver("d-2")[0] == 202
    bare.run_until_idle()
    assert bare.executor.query("enqueued_runs") == ["run-1"]


def test_a_full_outbox_answers_503_and_the_delivery_can_come_again(ready: Installation) -> None:
    ready.executor.update("answer_with", "enqueue_run", "Unavailable")
    for number in range(MAX_OPEN_DELIVERIES_PER_REPOSITORY):
        assert ready.deliver(f"d-{number}")[0] == 202
    status, content = ready.deliver("late")
    assert status == 503
    assert "50 deliveries of demo wait (MAX_OPEN_DELIVERIES_PER_REPOSITORY)" in content["error"]
    ready.executor.update("answer_with", "enqueue_run", "Ok")
    ready.network.advance(70)
    assert ready.webhook.query("health")["open"] == 0
    assert ready.deliver("late")[0] == 202


def test_only_admins_register_and_change_repositories(ready: Installation) -> None:
    value = {
        "repository": "mine",
        "provider": {"GitHub": None},
        "clone_url": "https://example.org/mine.git",
        "secret": b"sixteen bytes ok",
    }
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("register_repository", (value,)),
        ("rotate_secret", ("demo", b"sixteen bytes ok")),
        ("drop_old_secret", ("demo",)),
        ("delete_repository", ("demo",)),
        ("replay_delivery", ("demo", "d-1")),
        (
            "trigger_run",
            ({"repository": "demo", "ref": "refs/heads/main", "sha": SHA, "message": ""},),
        ),
        ("grant_role", (STRANGER, "Viewer")),
        ("revoke_role", (OWNER, "Owner")),
        ("wire", (ready.siblings,)),
        ("sync_triggers", ("demo", [])),
    ]
    for method, arguments in calls:
        sentence = error(ready.webhook.update(method, *arguments, caller=STRANGER), "Denied")
        assert STRANGER.to_str() in sentence
        with pytest.raises(CanisterReject):
            ready.webhook.update(method, *arguments, caller=ANONYMOUS)
    error(ready.webhook.update("sync_triggers", "demo", [], caller=OWNER), "Denied")
    assert ready.deliver()[0] == 202


def test_an_admin_can_register_and_an_operator_cannot(ready: Installation) -> None:
    ok_none = {"Ok": None}
    assert ready.webhook.update("grant_role", ADMIN, "Admin", caller=OWNER) == ok_none
    assert ready.webhook.update("grant_role", OPERATOR, "Operator", caller=ADMIN) == ok_none
    error(ready.webhook.update("grant_role", OPERATOR, "Owner", caller=ADMIN), "Denied")
    assert ready.webhook.update("drop_old_secret", "nothing", caller=ADMIN)["Err"]["NotFound"]
    error(ready.webhook.update("drop_old_secret", "demo", caller=OPERATOR), "Denied")
    listed = ok(ready.webhook.query("list_grants", FIRST_PAGE))["items"]
    roles = {grant["principal"].to_str(): grant["roles"] for grant in listed}
    assert roles[OPERATOR.to_str()] == [{"Operator": None}]
    assert ready.webhook.update("revoke_role", OPERATOR, "Operator", caller=ADMIN) == ok_none
    assert len(ok(ready.webhook.query("list_grants", FIRST_PAGE))["items"]) == 2


def test_oversized_arguments_are_not_accepted(ready: Installation) -> None:
    with pytest.raises(CanisterReject):
        ready.webhook.update("rotate_secret", "demo", b"x" * 300_000, caller=OWNER)


def test_secrets_rotate_with_two_live_ones_and_never_show(ready: Installation) -> None:
    new, newest = b"the new secret of demo", b"the newest secret of demo"
    assert ready.webhook.update("rotate_secret", "demo", new, caller=OWNER) == {"Ok": None}
    assert ready.deliver("a", secret=SECRET)[0] == 202
    assert ready.deliver("b", secret=new)[0] == 202
    assert ok(ready.webhook.query("get_repository", "demo"))["live_secrets"] == 2
    ready.webhook.update("rotate_secret", "demo", newest, caller=OWNER)
    assert ready.deliver("c", secret=SECRET)[0] == 401
    assert ready.webhook.update("drop_old_secret", "demo", caller=OWNER) == {"Ok": None}
    assert ready.deliver("d", secret=new)[0] == 401
    assert ready.deliver("e", secret=newest)[0] == 202
    error(ready.webhook.update("drop_old_secret", "demo", caller=OWNER), "Conflict")
    error(ready.webhook.update("rotate_secret", "demo", b"short", caller=OWNER), "Invalid")
    shown = repr(
        (
            ready.webhook.query("get_repository", "demo"),
            ready.webhook.query("list_repositories", FIRST_PAGE),
            ready.webhook.query("list_deliveries", "demo", FIRST_PAGE),
            ready.webhook.printed,
        )
    )
    for secret in (SECRET, new, newest):
        assert secret.decode() not in shown


def test_a_repository_is_registered_once_and_validated(ready: Installation) -> None:
    value = {
        "repository": "demo",
        "provider": {"GitHub": None},
        "clone_url": "https://example.org/demo.git",
        "secret": SECRET,
    }
    register = ready.webhook
    error(register.update("register_repository", value, caller=OWNER), "Conflict")
    for change in (
        {"repository": "UPPER"},
        {"provider": {"GitLab": None}, "secret": b"whsec_no base64 at all"},
        {"clone_url": "file:///etc"},
        {"secret": b""},
    ):
        changed = {**value, "repository": "new", **change}
        error(register.update("register_repository", changed, caller=OWNER), "Invalid")


def test_a_deleted_repository_takes_no_deliveries_but_keeps_their_record(
    ready: Installation,
) -> None:
    ready.deliver()
    assert ready.webhook.update("delete_repository", "demo", caller=OWNER) == {"Ok": None}
    assert ready.deliver("d-2")[0] == 404
    error(ready.webhook.query("get_repository", "demo"), "NotFound")
    error(ready.webhook.update("delete_repository", "demo", caller=OWNER), "NotFound")
    assert len(ok(ready.webhook.query("list_deliveries", "demo", FIRST_PAGE))["items"]) == 1
    ready.run_until_idle()
    assert ready.delivery()["state"] == {"Dispatched": None}
    ready.register_repository()
    assert ready.deliver()[1]["status"] == "duplicate"


def test_the_list_of_repositories_stays_dense_when_some_are_deleted(
    installation: Installation,
) -> None:
    names = [f"r{number}" for number in range(7)]
    for name in names:
        installation.register_repository(name)
    for gone in ("r0", "r6", "r3"):
        installation.webhook.update("delete_repository", gone, caller=OWNER)
    seen: list[str] = []
    cursor = None
    while True:
        page = ok(installation.webhook.query("list_repositories", {"cursor": cursor, "limit": 2}))
        seen += [item["repository"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == ["r1", "r2", "r4", "r5"]
    error(installation.webhook.query("list_repositories", {"cursor": "x", "limit": 0}), "Invalid")


def test_deliveries_are_listed_newest_first_by_page(ready: Installation) -> None:
    for number in range(5):
        ready.deliver(f"d-{number}")
    first = ok(ready.webhook.query("list_deliveries", "demo", {"cursor": None, "limit": 3}))
    assert [item["delivery"] for item in first["items"]] == ["d-4", "d-3", "d-2"]
    rest = ok(ready.webhook.query("list_deliveries", "demo", {"cursor": first["next"], "limit": 3}))
    assert [item["delivery"] for item in rest["items"]] == ["d-1", "d-0"]
    assert rest["next"] is None
    error(ready.webhook.query("list_deliveries", "unknown", FIRST_PAGE), "NotFound")
    error(ready.webhook.query("list_deliveries", "demo", {"cursor": None, "limit": 101}), "Invalid")


def test_a_run_can_be_started_by_hand_for_a_commit(ready: Installation) -> None:
    wanted = {"repository": "demo", "ref": "refs/heads/any", "sha": SHA, "message": "By hand"}
    result = ready.webhook.update("trigger_run", wanted, caller=OWNER)
    assert result == {"Ok": "run-1"}
    ready.run_until_idle()
    delivery = ready.delivery("manual-run-1")
    assert (delivery["event"], delivery["state"]) == ("manual", {"Dispatched": None})
    spec = ready.executor.query("enqueued", "run-1")
    assert delivery["started_by"] == OWNER
    assert spec["started_by"] == OWNER
    assert spec["source"]["author"] == ""
    for change in ({"ref": "main"}, {"ref": "refs/heads/a b"}, {"sha": "HEAD"}, {"sha": SHA[:7]}):
        changed = {**wanted, **change}
        error(ready.webhook.update("trigger_run", changed, caller=OWNER), "Invalid")
    unknown = {**wanted, "repository": "unknown"}
    error(ready.webhook.update("trigger_run", unknown, caller=OWNER), "NotFound")
    ok(ready.pipelines.update("set_pipeline_triggers", "demo", [], caller=OWNER))
    ready.run_until_idle()
    refused = error(ready.webhook.update("trigger_run", wanted, caller=OWNER), "Conflict")
    assert "demo has no pipeline with triggers: register one" in refused


def test_a_run_can_be_started_by_hand_for_what_a_branch_names(ready: Installation) -> None:
    started = [
        ready.webhook.update("trigger_pipeline", "demo", "main", caller=OWNER),
        ready.webhook.update("trigger_pipeline", "demo", "refs/tags/v1", caller=OWNER),
        ready.webhook.update(
            "trigger_run",
            {"repository": "demo", "ref": "refs/heads/next", "sha": "", "message": "why"},
            caller=OWNER,
        ),
    ]
    assert started == [{"Ok": f"run-{number}"} for number in (1, 2, 3)]
    ready.run_until_idle()
    sources = [ready.executor.query("enqueued", f"run-{number}")["source"] for number in (1, 2, 3)]
    assert [(each["ref"], each["sha"]) for each in sources] == [
        ("refs/heads/main", ""),
        ("refs/tags/v1", ""),
        ("refs/heads/next", ""),
    ]
    for ref in ("", "a b", "refs/notes/x", "a..b"):
        error(ready.webhook.update("trigger_pipeline", "demo", ref, caller=OWNER), "Invalid")
    error(ready.webhook.update("trigger_pipeline", "unknown", "main", caller=OWNER), "NotFound")
    refused = ready.webhook.update("trigger_pipeline", "demo", "main", caller=STRANGER)
    error(refused, "Denied")


def test_wiring_happens_once(ready: Installation) -> None:
    assert ready.webhook.query("siblings")["webhook"] == ready.webhook.id
    assert ready.webhook.update("wire", ready.siblings, caller=OWNER) == {"Ok": None}
    other = {**ready.siblings, "deployment": STRANGER}
    error(ready.webhook.update("wire", other, caller=OWNER), "Conflict")


def test_instructions_are_counted_by_method(ready: Installation) -> None:
    ready.deliver()
    ready.run_until_idle()
    counted = dict(ready.webhook.query("instructions"))
    assert {"http_request_update", "send start_run", "wire", "register_repository"} <= set(counted)
    assert ready.webhook.query("health")["instructions"] == sum(counted.values())
