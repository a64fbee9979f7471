"""The pipeline_config canister from outside: versions, the push of triggers, starting runs."""

from typing import Any

import pytest

from dcanary.testing.native import ANONYMOUS, CanisterReject
from tests.canisters.installation import (
    ADMIN,
    FIRST_PAGE,
    OWNER,
    SHA,
    STRANGER,
    Installation,
    error,
    ok,
)
from tests.canisters.pipeline_config.pipelines import pipeline, stage


def register(installation: Installation, repository: str = "demo") -> Any:
    result = installation.pipelines.update("register_pipeline", pipeline(repository), caller=OWNER)
    return ok(result)


def triggers_at_webhook(installation: Installation, repository: str = "demo") -> Any:
    return ok(installation.webhook.query("get_repository", repository))["triggers"]


def run_request(run: str = "run-1", repository: str = "demo") -> dict[str, Any]:
    return {
        "run": run,
        "delivery": "d-1",
        "source": {
            "repository": repository,
            "clone_url": "https://example.org/demo.git",
            "ref": "refs/heads/main",
            "sha": SHA,
            "message": "",
            "author": "",
        },
        "started_by": None,
        "pull_request": None,
    }


def start(installation: Installation, run: str = "run-1", repository: str = "demo") -> Any:
    request = run_request(run, repository)
    return installation.pipelines.update("start_run", request, caller=installation.webhook)


def test_a_pipeline_is_registered_as_version_1_and_read_back(installation: Installation) -> None:
    made = register(installation)
    assert (made["version"], made["author"].to_str()) == (1, OWNER.to_str())
    read = ok(installation.pipelines.query("get_pipeline_config", "demo"))
    assert read == made
    assert read["definition"]["stages"][1]["depends_on"] == ["build"]
    error(installation.pipelines.update("register_pipeline", pipeline(), caller=OWNER), "Conflict")


def test_every_change_is_a_new_version_and_old_ones_stay(installation: Installation) -> None:
    pipelines = installation.pipelines
    register(installation)
    changed = pipeline()
    changed["name"] = "Renamed"
    assert ok(pipelines.update("update_pipeline", changed, caller=OWNER))["version"] == 2
    stages = [stage("build"), stage("check", ["build"])]
    assert (
        ok(pipelines.update("update_pipeline_stages", "demo", stages, caller=OWNER))["version"] == 3
    )
    result = pipelines.update("set_pipeline_triggers", "demo", [{"Manual": None}], caller=OWNER)
    latest = ok(result)
    assert latest["version"] == 4
    assert latest["definition"]["name"] == "Renamed"
    assert [s["name"] for s in latest["definition"]["stages"]] == ["build", "check"]
    first = ok(pipelines.query("get_pipeline_version", "demo", 1))
    assert (first["definition"]["name"], len(first["definition"]["triggers"])) == ("Demo", 3)
    error(pipelines.query("get_pipeline_version", "demo", 5), "NotFound")
    page = ok(pipelines.query("list_pipeline_versions", "demo", {"cursor": None, "limit": 3}))
    assert [item["version"] for item in page["items"]] == [4, 3, 2]
    rest = {"cursor": page["next"], "limit": 3}
    page = ok(pipelines.query("list_pipeline_versions", "demo", rest))
    assert ([item["version"] for item in page["items"]], page["next"]) == ([1], None)


def test_an_invalid_change_is_refused_and_leaves_the_version(installation: Installation) -> None:
    pipelines = installation.pipelines
    register(installation)
    stages = [stage("build", ["test"]), stage("test", ["build"])]
    sentence = error(
        pipelines.update("update_pipeline_stages", "demo", stages, caller=OWNER), "Invalid"
    )
    assert "build -> test -> build" in sentence
    # The deployed artifact's stage would be gone.
    sentence = error(
        pipelines.update("update_pipeline_stages", "demo", [stage("other")], caller=OWNER),
        "Invalid",
    )
    assert "deploy.stage" in sentence
    assert ok(pipelines.query("get_pipeline_config", "demo"))["version"] == 1


def test_changing_what_is_not_there_is_not_found(installation: Installation) -> None:
    pipelines = installation.pipelines
    for method, arguments in (
        ("update_pipeline", (pipeline(),)),
        ("update_pipeline_stages", ("demo", [stage("build")])),
        ("set_pipeline_triggers", ("demo", [])),
        ("delete_pipeline", ("demo",)),
    ):
        error(pipelines.update(method, *arguments, caller=OWNER), "NotFound")
    error(pipelines.query("get_pipeline_config", "demo"), "NotFound")
    error(pipelines.query("list_pipeline_versions", "demo", FIRST_PAGE), "NotFound")


def test_only_admins_change_pipelines_and_only_webhook_starts_runs(
    installation: Installation,
) -> None:
    pipelines = installation.pipelines
    calls = [
        ("register_pipeline", (pipeline(),)),
        ("update_pipeline", (pipeline(),)),
        ("update_pipeline_stages", ("demo", [stage("build")])),
        ("set_pipeline_triggers", ("demo", [])),
        ("delete_pipeline", ("demo",)),
        ("start_run", (run_request(),)),
        ("grant_role", (STRANGER, "Viewer")),
        ("wire", (installation.siblings,)),
    ]
    for method, arguments in calls:
        error(pipelines.update(method, *arguments, caller=STRANGER), "Denied")
        with pytest.raises(CanisterReject):
            pipelines.update(method, *arguments, caller=ANONYMOUS)
    error(pipelines.update("start_run", run_request(), caller=OWNER), "Denied")
    assert pipelines.update("grant_role", ADMIN, "Admin", caller=OWNER) == {"Ok": None}
    assert ok(pipelines.update("register_pipeline", pipeline(), caller=ADMIN))["version"] == 1


def test_triggers_are_pushed_to_webhook_latest_wins(installation: Installation) -> None:
    installation.register_repository()
    register(installation)
    assert installation.pipelines.query("health")["open"] == 2  # triggers and policy
    installation.run_until_idle()
    assert len(triggers_at_webhook(installation)) == 3
    assert installation.pipelines.query("health")["open"] == 0
    for patterns in (["a"], ["b"], ["c"]):
        wanted = [{"Push": patterns}]
        ok(installation.pipelines.update("set_pipeline_triggers", "demo", wanted, caller=OWNER))
    installation.run_until_idle()
    assert triggers_at_webhook(installation) == [{"Push": ["c"]}]
    installation.pipelines.update("delete_pipeline", "demo", caller=OWNER)
    installation.run_until_idle()
    assert triggers_at_webhook(installation) == []


def test_a_change_while_triggers_are_under_way_is_sent_after_them(
    installation: Installation,
) -> None:
    installation.register_repository()
    register(installation)
    for _ in range(100):
        if triggers_at_webhook(installation):
            break
        if not installation.network.step():
            installation.pipelines.fire_timer()
    wanted = [{"Push": ["late"]}]
    ok(installation.pipelines.update("set_pipeline_triggers", "demo", wanted, caller=OWNER))
    installation.run_until_idle()
    assert triggers_at_webhook(installation) == wanted
    assert installation.pipelines.query("health")["open"] == 0


def test_triggers_wait_for_an_unreachable_webhook_and_survive_an_upgrade() -> None:
    later = Installation(wired=False)
    register(later)
    later.network.advance(200)
    assert later.pipelines.query("health")["open"] == 2
    later.pipelines.upgrade()
    later.network.advance(200)
    later.register_repository()
    later.wire()
    later.run_until_idle()
    assert len(triggers_at_webhook(later)) == 3


def test_a_change_that_leaves_the_triggers_alone_pushes_nothing(installation: Installation) -> None:
    register(installation)
    installation.run_until_idle()
    ok(installation.pipelines.update("update_pipeline", pipeline(), caller=OWNER))
    assert installation.pipelines.query("health")["open"] == 0


def test_a_run_is_handed_on_with_the_current_version(installation: Installation) -> None:
    register(installation)
    ok(installation.pipelines.update("update_pipeline", pipeline(), caller=OWNER))
    assert start(installation) == {"Ok": None}
    spec = installation.executor.query("enqueued", "run-1")
    assert (spec["run"], spec["pipeline_version"]) == ("run-1", 2)
    definition = ok(installation.pipelines.query("get_pipeline_config", "demo"))["definition"]
    assert spec["pipeline"] == definition


def test_a_repeated_request_is_ok_and_sends_nothing_more(installation: Installation) -> None:
    register(installation)
    assert start(installation) == {"Ok": None}
    assert start(installation) == {"Ok": None}
    assert installation.executor.query("call_count") == 1


def test_a_run_keeps_the_version_of_its_first_request(installation: Installation) -> None:
    register(installation)
    installation.executor.update("answer_with", "enqueue_run", "Exhausted")
    assert "Exhausted" in start(installation)["Err"]
    ok(installation.pipelines.update("update_pipeline", pipeline(), caller=OWNER))
    installation.pipelines.update("delete_pipeline", "demo", caller=OWNER)
    installation.executor.update("answer_with", "enqueue_run", "Ok")
    assert start(installation) == {"Ok": None}
    assert installation.executor.query("enqueued", "run-1")["pipeline_version"] == 1


def test_an_executor_canister_that_traps_is_unavailable(installation: Installation) -> None:
    register(installation)
    installation.executor.update("answer_with", "enqueue_run", "trap")
    assert "build_executor did not answer" in error(start(installation), "Unavailable")


def test_a_run_without_pipeline_is_not_found_and_before_wiring_unavailable(
    installation: Installation,
) -> None:
    error(start(installation, repository="unknown"), "NotFound")
    bare = Installation(wired=False)
    error(start(bare), "Unavailable")


def test_a_deleted_pipeline_keeps_its_versions_and_goes_on_counting(
    installation: Installation,
) -> None:
    pipelines = installation.pipelines
    register(installation)
    assert pipelines.update("delete_pipeline", "demo", caller=OWNER) == {"Ok": None}
    error(pipelines.query("get_pipeline_config", "demo"), "NotFound")
    assert ok(pipelines.query("get_pipeline_version", "demo", 1))["version"] == 1
    assert register(installation)["version"] == 2


def test_the_list_of_pipelines_stays_dense_when_some_are_deleted(
    installation: Installation,
) -> None:
    for number in range(5):
        register(installation, f"r{number}")
    for gone in ("r0", "r4"):
        installation.pipelines.update("delete_pipeline", gone, caller=OWNER)
    seen: list[str] = []
    cursor = None
    while True:
        page = ok(installation.pipelines.query("list_pipelines", {"cursor": cursor, "limit": 2}))
        seen += [item["definition"]["repository"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == ["r1", "r2", "r3"]


def test_the_largest_pipeline_can_be_stored_and_a_page_of_such_fits_a_reply(
    installation: Installation,
) -> None:
    big = pipeline()
    big["stages"][0]["commands"] = ["x" * 3_900] * 14
    ok(installation.pipelines.update("register_pipeline", big, caller=OWNER))
    for _ in range(24):
        ok(installation.pipelines.update("update_pipeline", big, caller=OWNER))
    listing = installation.pipelines
    full = {"cursor": None, "limit": 100}
    raw = listing.query_raw(
        "list_pipeline_versions", listing.encode_arguments("list_pipeline_versions", ["demo", full])
    )
    assert len(raw) < 1_200_000
    page = ok(listing.query("list_pipeline_versions", "demo", full))
    assert 1 < len(page["items"]) < 25
    rest = ok(listing.query("list_pipeline_versions", "demo", {**full, "cursor": page["next"]}))
    versions = [item["version"] for item in page["items"] + rest["items"]]
    assert versions == list(range(25, 0, -1))


def test_instructions_of_a_start_are_counted(installation: Installation) -> None:
    register(installation)
    start(installation)
    counted = dict(installation.pipelines.query("instructions"))
    assert {"register_pipeline", "start_run", "wire"} <= set(counted)
    health = installation.pipelines.query("health")
    assert (health["name"], health["wired"], health["records"]) == ("pipeline_config", True, 1)


def test_every_change_of_the_approval_policy_reaches_verification(
    installation: Installation,
) -> None:
    register(installation)
    installation.run_until_idle()
    assert installation.verification.query("policy_of", "demo") == pipeline()["approval"]
    changed = pipeline()
    changed["approval"] = {"approvers": [ADMIN], "threshold": 1, "ttl_seconds": 60}
    ok(installation.pipelines.update("update_pipeline", changed, caller=OWNER))
    installation.run_until_idle()
    assert installation.verification.query("policy_of", "demo") == changed["approval"]
    assert installation.pipelines.query("health")["open"] == 0


def test_a_policy_that_never_arrived_is_told_again_with_the_next_run(
    installation: Installation,
) -> None:
    """As for a pipeline that was registered before policies were pushed."""
    register(installation)
    installation.run_until_idle()
    tables = installation.pipelines.module("canisters.pipeline_config.pipelines.tables")
    with installation.pipelines.looking():
        assert tables.policy_is_known("demo")
        tables.note_policy("demo", 0)
        assert not tables.policy_is_known("demo")
    installation.verification.reinstall()
    forgotten = pipeline("other")
    ok(installation.pipelines.update("register_pipeline", forgotten, caller=OWNER))
    ok(start(installation, "run-1", "other"))
    installation.run_until_idle()
    assert installation.verification.query("policy_of", "other") == forgotten["approval"]


def test_the_queue_time_and_who_started_it_go_on_with_the_run(installation: Installation) -> None:
    definition = pipeline()
    definition["queue_seconds"] = 3_600
    ok(installation.pipelines.update("register_pipeline", definition, caller=OWNER))
    request = {**run_request(), "started_by": ADMIN}
    ok(installation.pipelines.update("start_run", request, caller=installation.webhook))
    spec = installation.executor.query("enqueued", "run-1")
    assert spec["pipeline"]["queue_seconds"] == 3_600
    assert spec["started_by"] == ADMIN
