"""Drafts: what is left out of a typed pipeline is what a `dcanary.yml` has by default."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.pipeline_config.pipelines import drafts
from dcanary.candid import parse_interface
from dcanary.client.actor import shipped_interface
from dcanary.pipeline import parse_pipeline, to_candid
from tests.canisters import typed
from tests.canisters.installation import OWNER, STRANGER, Installation, error, ok
from tests.canisters.pipeline_config.pipelines import pipeline, stage

STAGE_FIELDS = (
    *("runtime", "commands", "depends_on", "environment", "resources", "artifacts", "replicas"),
    *("quorum", "retries", "needs", "grace_seconds", "fetch", "keep", "secrets", "reports"),
    *("cache", "group", "parallel", "retry_causes"),
)
PIPELINE_FIELDS = (
    *("name", "triggers", "environment", "gates", "approval", "deploy", "queue_seconds"),
    *("deploys", "priority", "template"),
)
DEPLOY_FIELDS = (
    *("mode", "memory", "install_arg", "upgrade_arg", "depends_on", "install_references"),
    *("upgrade_references", "assets"),
)


def draft(fields: tuple[str, ...], **given: Any) -> Any:
    return {**dict.fromkeys(fields), **given}


def stage_draft(name: str = "build", **given: Any) -> Any:
    return draft(STAGE_FIELDS, name=name, **given)


def of_file(text: str) -> Any:
    return to_candid(parse_pipeline(text.encode()), "demo")


def test_a_stage_of_a_name_and_commands_is_that_of_the_file() -> None:
    file = of_file("version: 1\nname: demo\nstages:\n  build: {runtime: shell, commands: [make]}\n")
    made = drafts.pipeline_of(
        draft(PIPELINE_FIELDS, repository="demo", stages=[stage_draft(commands=["make"])])
    )
    assert made["stages"] == file["stages"]
    # The file says the queue's time, which is the default anyway.
    assert {**made, "queue_seconds": file["queue_seconds"]} == file


def test_a_fetch_stage_of_a_name_and_locks_is_that_of_the_file() -> None:
    file = of_file(
        "version: 1\nname: demo\nstages:\n"
        "  packages: {kind: fetch, locks: [package-lock.json]}\n"
        "  build: {runtime: shell, commands: [make], depends_on: [packages]}\n"
    )
    fetch = {"locks": ["package-lock.json"], "hosts": []}
    made = drafts.stage_of(stage_draft("packages", fetch=fetch))
    assert made == file["stages"][0]


def test_a_deploy_of_a_target_and_an_artifact_is_that_of_the_file() -> None:
    file = of_file(
        "version: 1\nname: demo\n"
        "stages: {build: {runtime: shell, commands: [make], artifacts: [out.wasm]}}\n"
        "approval: {approvers: [2ibo7-dia]}\n"
        "deploy: {target: demo, stage: build, artifact: out.wasm}\n"
    )
    deploy = draft(DEPLOY_FIELDS, target="demo", stage="build", artifact="out.wasm")
    made = drafts.pipeline_of(
        draft(PIPELINE_FIELDS, repository="demo", stages=[stage_draft()], deploy=deploy)
    )
    assert made["deploy"] == file["deploy"]
    several = drafts.pipeline_of(
        draft(PIPELINE_FIELDS, repository="demo", stages=[stage_draft()], deploys=[deploy])
    )
    assert several["deploys"] == [file["deploy"]]


@pytest.mark.parametrize(("replicas", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (13, 7)])
def test_a_quorum_that_is_left_out_is_a_majority(replicas: int, quorum: int) -> None:
    assert drafts.stage_of(stage_draft(replicas=replicas))["quorum"] == quorum
    assert drafts.stage_of(stage_draft(replicas=replicas, quorum=9))["quorum"] == 9


def test_retries_by_cause_stand_alone() -> None:
    causes = [{"cause": "command", "times": 1}]
    made = drafts.stage_of(stage_draft(retry_causes=causes))
    assert (made["retries"], made["retry_causes"]) == (0, causes)


def test_resources_are_filled_up_one_by_one() -> None:
    given = draft(
        ("memory_bytes", "storage_bytes", "output_bytes", "processes", "timeout_seconds"),
        network=True,
        memory_bytes=1,
    )
    made = drafts.stage_of(stage_draft(resources=given))["resources"]
    assert made == {**drafts.STAGE_RESOURCES, "memory_bytes": 1, "network": True}


def test_what_is_whole_stays_as_it_is() -> None:
    """What clients sent before there were drafts: no field is changed."""
    whole: Any = pipeline()
    whole["deploys"] = [whole["deploy"]]
    whole["stages"][0]["replicas"], whole["stages"][0]["quorum"] = 5, 4
    assert drafts.pipeline_of(whole) == whole
    made: Any = stage("build")
    assert drafts.stage_of(made) == made


def test_a_policy_keeps_what_is_left_out() -> None:
    before: Any = {"approvers": ["a"], "threshold": 2, "ttl_seconds": 3}
    given: Any = {"approvers": None, "threshold": 1, "ttl_seconds": None}
    assert drafts.policy_of(given, before) == {**before, "threshold": 1}
    assert drafts.policy_of(None, before) == before


# On the canister


def test_a_pipeline_is_registered_by_a_line_of_text(installation: Installation) -> None:
    line = '(record { repository = "demo"; stages = vec { record { name = "build"; '
    line += 'commands = opt vec { "make" } } } })'
    made = ok(typed.call(installation.pipelines, "register_pipeline", line, OWNER))
    definition = made["definition"]
    assert (definition["name"], definition["triggers"]) == ("demo", [{"Manual": None}])
    (built,) = definition["stages"]
    assert (built["runtime"], built["replicas"], built["quorum"]) == ({"Shell": None}, 3, 2)
    assert ok(installation.pipelines.query("get_pipeline_config", "demo")) == made


def test_a_runtime_that_needs_an_image_says_so_and_takes_one(installation: Installation) -> None:
    canister = installation.pipelines
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    line = '("demo", record { name = "crate"; commands = opt vec { "cargo build" }; '
    line += "runtime = opt variant { Rust }"
    sentence = error(typed.call(canister, "add_stage", line + " })", OWNER), "Invalid")
    assert "name one in needs.image" in sentence
    line += f'; needs = opt record {{ image = opt "{"a" * 64}"; labels = vec {{}} }} }})'
    made = ok(typed.call(canister, "add_stage", line, OWNER))["definition"]["stages"][2]
    assert made["needs"]["image"] == "a" * 64


def test_clients_that_send_everything_are_understood(installation: Installation) -> None:
    """By the interface of before: a whole record is a draft that leaves nothing out."""
    text = shipped_interface("pipeline_config.did")
    before = text.methods["update_pipeline"].arguments
    whole = pipeline()
    sent = before.encode([_plain(whole)])
    canister = installation.pipelines
    answer = canister.submit_raw("register_pipeline", sent, caller=OWNER).result()
    assert ok(answer)["definition"] == whole
    stages = parse_interface(canister.did.replace("vec StageDraft) -> ", "vec Stage) -> ")).methods[
        "update_pipeline_stages"
    ]
    sent = stages.encode(["demo", _plain([stage("build"), stage("check")])])
    answer = canister.submit_raw("update_pipeline_stages", sent, caller=OWNER).result()
    made = ok(answer)["definition"]
    assert made == {**whole, "stages": [stage("build"), stage("check")]}


def _plain(value: Any) -> Any:
    """With principals as text, as clients write them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.to_str() if hasattr(value, "to_str") else value


def test_stages_are_added_and_removed_one_by_one(installation: Installation) -> None:
    canister = installation.pipelines
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    line = '("demo", record { name = "check"; commands = opt vec { "make check" }; '
    line += (
        'depends_on = opt vec { "build" }; resources = opt record { timeout_seconds = opt 60 } })'
    )
    made = ok(typed.call(canister, "add_stage", line, OWNER))
    assert made["version"] == 2
    assert [each["name"] for each in made["definition"]["stages"]] == ["build", "test", "check"]
    assert made["definition"]["stages"][2]["resources"]["timeout_seconds"] == 60
    assert "remove that one first" in error(
        typed.call(canister, "add_stage", line, OWNER), "Conflict"
    )
    made = ok(typed.call(canister, "remove_stage", '("demo", "check")', OWNER))
    assert made["version"] == 3
    assert made["definition"] == pipeline()
    assert "it has build, test" in error(
        typed.call(canister, "remove_stage", '("demo", "check")', OWNER), "NotFound"
    )
    assert ok(canister.query("get_pipeline_config", "demo"))["version"] == 3


def test_a_stage_that_would_break_the_pipeline_changes_nothing(installation: Installation) -> None:
    canister = installation.pipelines
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    sentence = error(canister.update("remove_stage", "demo", "build", caller=OWNER), "Invalid")
    assert "there is no stage `build`" in sentence
    sentence = error(
        canister.update("add_stage", "demo", stage_draft("x"), caller=OWNER), "Invalid"
    )
    assert "stage x: commands" in sentence
    error(canister.update("add_stage", "other", stage_draft("x"), caller=OWNER), "NotFound")
    error(canister.update("remove_stage", "other", "x", caller=OWNER), "NotFound")
    assert ok(canister.query("get_pipeline_config", "demo"))["version"] == 1


def test_the_last_stage_cannot_be_removed(installation: Installation) -> None:
    canister = installation.pipelines
    line = '(record { repository = "demo"; stages = vec { record { name = "build"; '
    line += 'commands = opt vec { "make" } } } })'
    ok(typed.call(canister, "register_pipeline", line, OWNER))
    error(canister.update("remove_stage", "demo", "build", caller=OWNER), "Invalid")


def test_gates_are_set(installation: Installation) -> None:
    canister = installation.pipelines
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    line = '("demo", vec { variant { MaxArtifactBytes = 1_000_000 } })'
    made = ok(typed.call(canister, "set_quality_gates", line, OWNER))
    assert made["version"] == 2
    assert made["definition"]["gates"] == [{"MaxArtifactBytes": 1_000_000}]
    made = ok(typed.call(canister, "set_quality_gates", '("demo", vec {})', OWNER))
    assert made["definition"]["gates"] == []
    line = '("demo", vec { variant { MaxArtifactBytes = 0 } })'
    error(typed.call(canister, "set_quality_gates", line, OWNER), "Invalid")
    error(canister.update("set_quality_gates", "other", [], caller=OWNER), "NotFound")


def test_who_approves_is_configured_and_told_to_verification(installation: Installation) -> None:
    canister = installation.pipelines
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    line = f'("demo", record {{ approvers = opt vec {{ principal "{STRANGER.to_str()}" }} }})'
    made = ok(typed.call(canister, "configure_deployment_approval", line, OWNER))
    wanted = {"approvers": [STRANGER], "threshold": 1, "ttl_seconds": 0}
    assert made["definition"]["approval"] == wanted
    installation.run_until_idle()
    assert installation.verification.query("policy_of", "demo") == wanted
    line = '("demo", record { threshold = opt 2 })'
    error(typed.call(canister, "configure_deployment_approval", line, OWNER), "Invalid")
    line = '("other", record { threshold = opt 2 })'
    error(typed.call(canister, "configure_deployment_approval", line, OWNER), "NotFound")
    line = '("demo", record { ttl_seconds = opt 3_600 })'
    made = ok(typed.call(canister, "configure_deployment_approval", line, OWNER))
    assert made["definition"]["approval"] == {**wanted, "ttl_seconds": 3_600}


def test_a_change_by_hand_is_no_longer_that_of_the_template(installation: Installation) -> None:
    canister = installation.pipelines
    template = {
        "name": "starter",
        "category": "library",
        "description": "d",
        "parameters": [],
        "text": "version: 1\n",
        "shipped": None,
    }
    ok(canister.update("create_template", template, caller=OWNER))
    changed = pipeline()
    changed["template"] = {"name": "starter", "version": 1, "values": None}
    for method, argument in (
        ("set_quality_gates", "vec {}"),
        ("configure_deployment_approval", "record { ttl_seconds = opt 60 }"),
        ("add_stage", 'record { name = "more"; commands = opt vec { "true" } }'),
    ):
        canister.update("delete_pipeline", "demo", caller=OWNER)
        ok(canister.update("register_pipeline", changed, caller=OWNER))
        made = ok(typed.call(canister, method, f'("demo", {argument})', OWNER))
        assert made["definition"]["template"] is None, method


def test_the_history_is_asked_for_by_a_name(installation: Installation) -> None:
    canister = installation.pipelines
    error(typed.call(canister, "pipeline_history", '("demo")', STRANGER), "NotFound")
    ok(canister.update("register_pipeline", pipeline(), caller=OWNER))
    for _ in range(24):
        ok(canister.update("set_quality_gates", "demo", [], caller=OWNER))
    page = ok(typed.call(canister, "pipeline_history", '("demo")', STRANGER))
    assert [each["version"] for each in page["items"]] == list(range(25, 5, -1))
    rest = f'("demo", opt record {{ cursor = opt "{page["next"]}"; limit = 3 }})'
    page = ok(typed.call(canister, "pipeline_history", rest, STRANGER))
    assert [each["version"] for each in page["items"]] == [5, 4, 3]
