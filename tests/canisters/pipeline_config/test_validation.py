"""What a pipeline must be: every refusal names the stage and the field."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kybra import Principal

from canisters.pipeline_config.pipelines.paths import artifact_problem, path_problem
from canisters.pipeline_config.pipelines.rules import pipeline_problem
from canisters.pipeline_config.pipelines.triggers import triggers_problem
from tests.canisters.pipeline_config.pipelines import APPROVER, pipeline, resources, stage


def changed(path: str, value: object) -> Any:
    """The valid pipeline with one field, given as `stages.0.name`, set to `value`."""
    definition: Any = deepcopy(pipeline())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner = definition
    for part in parents:
        inner = inner[part]
    inner[last] = value
    return definition


def filtered(**lists: list[str]) -> dict[str, Any]:
    return {"branches": ["main"], "paths": None, "paths_ignore": None, "authors": None, **lists}


def pulls(**lists: list[str]) -> dict[str, Any]:
    empty = {"types": None, "labels": None, "drafts": None, "deploy": None}
    return {"branches": ["main"], **empty, **lists}


RETRY = {"cause": "command", "times": 1}


def problem(path: str, value: object) -> str:
    found = pipeline_problem(changed(path, value))
    assert found is not None, f"{path} = {value!r} was taken"
    return found


def test_the_example_is_valid_and_so_is_one_that_deploys_nothing() -> None:
    assert pipeline_problem(pipeline()) is None
    assert pipeline_problem(changed("deploy", None)) is None
    bare = changed("deploy", None)
    bare["approval"] = {"approvers": [], "threshold": 0, "ttl_seconds": 0}
    bare["triggers"] = []
    assert pipeline_problem(bare) is None


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("name", "", "name"),
        ("name", " ", "name"),
        ("name", "a\nb", "name"),
        ("name", "x" * 65, "MAX_NAME_CHARS"),
        ("repository", "Demo", "repository"),
        ("triggers", [{"Manual": None}] * 17, "MAX_TRIGGERS"),
        ("triggers", [{"PullRequest": ["a b"]}], "pattern `a b`"),
        ("triggers", [{"FilteredPullRequest": pulls(types=["closed"])}], "types: `closed`: use"),
        ("triggers", [{"FilteredPullRequest": pulls(labels=["!x"])}], "begin the list"),
        ("triggers", [{"FilteredPullRequest": pulls(labels=["a"] * 64)}], "65 patterns in one"),
        ("triggers", [{"Push": ["a b"]}], "pattern `a b`"),
        ("triggers", [{"Tag": ["!v1"]}], "begin the list with one that includes"),
        ("triggers", [{"FilteredPush": filtered(paths=["/docs"])}], "pattern `/docs`"),
        ("triggers", [{"FilteredPush": filtered(paths_ignore=["!a"])}], "begin the list"),
        ("triggers", [{"FilteredPush": filtered(authors=["a\n"])}], "control characters"),
        ("triggers", [{"FilteredPush": filtered(paths=["a"] * 64)}], "65 patterns in one"),
        ("triggers", [{"Push": ["a"] * 65}], "MAX_PATTERNS_PER_TRIGGER"),
        ("environment", [{"name": "1A", "value": ""}], "environment: `1A`"),
        ("environment", [{"name": "A", "value": "x\0"}], "the value of A"),
        ("environment", [{"name": "A", "value": ""}] * 2, "A is set twice"),
        ("environment", [{"name": f"A{i}", "value": ""} for i in range(65)], "MAX_ENVIRONMENT"),
        ("stages", [], "MAX_STAGES_PER_PIPELINE"),
        ("stages", [stage(f"s{i}") for i in range(33)], "MAX_STAGES_PER_PIPELINE"),
        ("stages.1.name", "A b", "stage number 2: name"),
        ("stages.1.name", "build", "stage build: name: two stages"),
        ("stages.1.runtime", {"Rust": None}, "stage test: runtime"),
        ("stages.1.runtime", {"Azle": None}, "Azle runs in an image: name one in needs.image"),
        ("stages.1.commands", [], "stage test: commands"),
        ("stages.1.commands", ["make", " "], "stage test: commands: number 2"),
        ("stages.1.commands", ["x" * 4_001], "MAX_COMMAND_CHARS"),
        ("stages.1.commands", ["make"] * 65, "MAX_COMMANDS_PER_STAGE"),
        ("stages.1.depends_on", ["nothing"], "stage test: depends_on: there is no stage `nothing`"),
        ("stages.1.depends_on", ["build", "build"], "stage test: depends_on"),
        ("stages.1.depends_on", ["test"], "test -> test"),
        ("stages.0.depends_on", ["test"], "build -> test -> build"),
        ("stages.1.environment", [{"name": "A-B", "value": ""}], "stage test: environment"),
        ("stages.1.resources", {**resources(), "memory_bytes": 0}, "resources.memory_bytes"),
        ("stages.1.resources", {**resources(), "processes": 0}, "resources.processes"),
        ("stages.1.resources", {**resources(), "timeout_seconds": 1_801}, "COMMIT_WINDOW_NS"),
        ("stages.1.artifacts", ["../x"], "stage test: artifacts: `../x`"),
        ("stages.1.artifacts", ["a", "a"], "stage test: artifacts"),
        ("stages.1.artifacts", [str(i) for i in range(65)], "MAX_ARTIFACTS_PER_STAGE"),
        ("stages.1.replicas", 0, "stage test: replicas"),
        ("stages.1.replicas", 14, "MAX_REPLICAS"),
        ("stages.1.quorum", 0, "stage test: quorum"),
        ("stages.1.quorum", 4, "stage test: quorum: 4"),
        ("stages.1.quorum", 1, "stage test: quorum: 1 of 3 replicas is no majority"),
        ("stages.1.replicas", 4, "stage test: quorum: 2 of 4 replicas is no majority"),
        ("stages.1.retries", 5, "MAX_JOB_ATTEMPTS"),
        ("stages.1.retry_causes", [RETRY], "stage test: retries: leave it at 0"),
        ("stages.1.parallel", 0, "stage test: parallel: 0: use 1 to 416 (MAX_PARALLEL)"),
        ("stages.1.parallel", 417, "MAX_PARALLEL"),
        ("gates", [{"MaxArtifactBytes": 1}] * 17, "MAX_GATES"),
        ("gates", [{"MaxArtifactBytes": 0}], "gates"),
        ("approval.approvers", [], "approval.threshold"),
        ("approval.approvers", [APPROVER, APPROVER], "named twice"),
        ("approval.approvers", [Principal(b"\x04")], "2vxsx-fae"),
        ("approval.approvers", [Principal(b"")], "aaaaa-aa"),
        ("approval.approvers", [Principal(bytes([i])) for i in range(10, 43)], "MAX_APPROVERS"),
        ("approval.threshold", 0, "approval.threshold"),
        ("approval.threshold", 2, "approval.threshold"),
        ("approval.ttl_seconds", 30 * 86_400 + 1, "MAX_APPROVAL_TTL_NS"),
        ("deploy.target", "", "deploy.target"),
        ("deploy.stage", "nothing", "deploy.stage"),
        ("deploy.artifact", "out/test.wasm", "deploy.artifact"),
        ("deploy.install_arg", b"()", "deploy.install_arg"),
        ("deploy.upgrade_arg", b"()", "deploy.upgrade_arg"),
        ("deploy.upgrade_arg", b"DIDL" + b"x" * 60_000, "MAX_PIPELINE_BYTES"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(path: str, value: object, names: str) -> None:
    assert names in problem(path, value)


@pytest.mark.parametrize(
    ("causes", "names"),
    [
        ([], "name a cause"),
        ([RETRY, RETRY], "command: is there twice"),
        ([{"cause": "command", "times": 0}], "command: 0: use 1 to 4"),
        ([{"cause": "command", "times": 5}], "command: 5: use 1 to 4"),
        (
            [{"cause": "command", "times": 3}, {"cause": "time_limit", "times": 2}],
            "5 together: at most 4",
        ),
        ([{"cause": "luck", "times": 1}], "luck: use command, time_limit"),
        ([{"cause": "storage_limit", "times": 1}], "give it more storage"),
        ([{"cause": "output_limit", "times": 1}], "give it more output"),
        ([{"cause": "artifact", "times": 1}], "let one of them fail"),
        ([{"cause": "weather", "times": 1}], "tried again anyway"),
        ([{"cause": "lost", "times": 1}], "given to another one anyway"),
    ],
)
def test_retries_that_do_nothing_are_refused_with_the_reason(
    causes: list[dict[str, object]], names: str
) -> None:
    definition = pipeline()
    definition["stages"][1] |= {"retries": 0, "retry_causes": causes}
    found = pipeline_problem(definition)
    assert found is not None and found.startswith("stage test: retry_causes: ")
    assert names in found


def test_retries_by_cause_and_a_bound_of_jobs_are_taken() -> None:
    definition = pipeline()
    causes = [RETRY, {"cause": "time_limit", "times": 2}, {"cause": "memory_limit", "times": 1}]
    definition["stages"][1] |= {"retries": 0, "retry_causes": causes, "parallel": 416}
    assert pipeline_problem(definition) is None


def test_two_stages_may_not_bring_the_same_file_to_a_third() -> None:
    definition = pipeline()
    left, right = stage("left"), stage("right")
    left["artifacts"] = right["artifacts"] = ["out/x"]
    definition["stages"] = [left, right, stage("last", ["left", "right"])]
    definition["deploy"] = None
    found = pipeline_problem(definition)
    assert found == "stage last: depends_on: left and right both bring the file out/x"


@pytest.mark.parametrize("path", ["a", "a/b.wasm", ".out/x", "a b", "ä/…", "a..b", "x" * 240])
def test_relative_normalised_paths_are_taken(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "..",
        "a/..",
        "a/../b",
        ".",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "a\0",
        "a\n",
        "*.x",
        "x" * 241,
    ],
)
def test_paths_that_could_leave_the_checkout_or_have_two_spellings_are_refused(path: str) -> None:
    assert path_problem(path) is not None


@pytest.mark.parametrize("artifact", ["dist/", "build/*.wasm", "**/*.did", "a?", "a.wasm", "*"])
def test_folders_and_patterns_are_taken_as_artifacts(artifact: str) -> None:
    assert artifact_problem(artifact) is None


@pytest.mark.parametrize("artifact", ["", "/", "../*", "/a/*", "a//", "*/../b", "[ab]", "a/./*"])
def test_a_pattern_that_could_leave_the_checkout_is_refused(artifact: str) -> None:
    assert artifact_problem(artifact) is not None


def test_what_is_deployed_is_one_file_that_an_entry_takes() -> None:
    definition = pipeline()
    assert definition["deploy"] is not None
    definition["stages"][0]["artifacts"] = ["build/*.wasm", "dist/"]
    for artifact in ("build/a.wasm", "dist/x/y"):
        definition["deploy"]["artifact"] = artifact
        assert pipeline_problem(definition) is None
    for artifact in ("build/x/a.wasm", "dist", "dist/", "build/*.wasm"):
        definition["deploy"]["artifact"] = artifact
        found = pipeline_problem(definition)
        assert found is not None and found.startswith("deploy.artifact"), found


@given(st.text("./a\\", max_size=12))
def test_a_path_that_is_taken_stays_inside_and_is_normalised(path: str) -> None:
    if path_problem(path) is None:
        parts = path.split("/")
        assert all(part not in ("", ".", "..") for part in parts)


@given(st.lists(st.text(max_size=6), max_size=4))
def test_patterns_of_any_text_are_judged_without_raising(patterns: list[str]) -> None:
    found = triggers_problem([{"Push": patterns}, {"Tag": patterns}])
    assert found is None or "triggers" in found


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (
            "stages.0.needs",
            {
                "cpus": None,
                "image": None,
                "region": None,
                "image_lock": "ci/own.lock",
                "labels": [],
            },
            "needs.image_lock: name the digest",
        ),
        (
            "stages.0.needs",
            {
                "cpus": None,
                "image": "ab" * 32,
                "region": None,
                "image_lock": "../own.lock",
                "labels": [],
            },
            "needs.image_lock: `../own.lock`",
        ),
        (
            "stages.0.needs",
            {"cpus": 0, "image": None, "region": None, "image_lock": None, "labels": []},
            "needs.cpus",
        ),
        (
            "stages.0.needs",
            {"cpus": 1, "image": "", "region": None, "image_lock": None, "labels": []},
            "needs.image",
        ),
        (
            "stages.0.needs",
            {"cpus": None, "image": None, "region": "a\x1b[2J", "image_lock": None, "labels": []},
            "needs.region",
        ),
        (
            "stages.0.needs",
            {
                "cpus": None,
                "image": None,
                "region": None,
                "image_lock": None,
                "labels": ["gpu", "gpu"],
            },
            "named twice",
        ),
        (
            "stages.0.needs",
            {
                "cpus": None,
                "image": None,
                "region": None,
                "image_lock": None,
                "labels": [str(n) for n in range(17)],
            },
            "MAX_LABELS",
        ),
        ("stages.0.grace_seconds", 1_801, "COMMIT_WINDOW_NS"),
        ("queue_seconds", 0, "queue_seconds"),
        ("queue_seconds", 7 * 24 * 3_600 + 1, "MAX_QUEUE_NS"),
        ("priority", 10, "MAX_PRIORITY"),
        ("stages.0.group", "no name", "group"),
    ],
)
def test_needs_grace_and_queue_time_have_bounds(path: str, value: object, named: str) -> None:
    assert named in problem(path, value)


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ([], "cache.inputs: 0 of them: use 1 to 64 (MAX_ARTIFACTS_PER_STAGE)"),
        ([f"{n}.rs" for n in range(65)], "MAX_ARTIFACTS_PER_STAGE"),
        (["src/", "src/"], "cache.inputs: one is named twice"),
        (["../src"], "cache.inputs: `../src`: a path may not leave the checkout"),
    ],
)
def test_inputs_of_a_cache_have_bounds(inputs: list[str], named: str) -> None:
    assert named in problem("stages.0.cache", {"inputs": inputs})


def test_a_result_is_used_again_only_where_its_inputs_are_all_that_it_depends_on() -> None:
    inputs = {"inputs": ["Cargo.lock", "src/", "**.rs"]}
    assert pipeline_problem(changed("stages.0.cache", inputs)) is None
    for path, value, named in (
        ("secrets", ["TOKEN"], "secrets"),
        ("resources", {**pipeline()["stages"][0]["resources"], "network": True}, "the network"),
    ):
        both = changed("stages.0.cache", inputs)
        both["stages"][0][path] = value
        found = pipeline_problem(both)
        assert found is not None
        assert f"cache: a result that {named} went into is never used again" in found


def test_files_that_stay_with_executors_are_neither_deployed_nor_made_with_secrets() -> None:
    kept = changed("stages.0.keep", {"Executors": None})
    named = kept["stages"][0]["name"]
    assert f"the files of {named} stay with executors" in (pipeline_problem(kept) or "")
    kept["deploy"] = None
    assert pipeline_problem(kept) is None
    kept["stages"][0]["secrets"] = ["TOKEN"]
    assert "stage with secrets" in (pipeline_problem(kept) or "")
    kept["stages"][0]["keep"] = {"Chain": None}
    assert pipeline_problem(kept) is None


def test_needs_grace_and_queue_time_within_their_bounds_are_taken() -> None:
    needs = {
        "cpus": 4,
        "image": "sha256:ab",
        "region": "eu",
        "image_lock": None,
        "labels": ["gpu", "arm64"],
    }
    for path, value in (
        ("stages.0.needs", needs),
        ("stages.0.grace_seconds", 0),
        ("stages.0.grace_seconds", 1_800),
        ("queue_seconds", 7 * 24 * 3_600),
        ("priority", 0),
        ("stages.0.group", "build"),
        ("priority", 9),
    ):
        assert pipeline_problem(changed(path, value)) is None, path


def test_runtimes_that_are_images_are_taken_with_one() -> None:
    definition = pipeline()
    for runtime in ("Rust", "Azle", "Motoko"):
        definition["stages"][1]["runtime"] = {runtime: None}
        definition["stages"][1]["needs"] = {
            "cpus": None,
            "image": "ab" * 32,
            "region": None,
            "image_lock": None,
            "labels": [],
        }
        assert pipeline_problem(definition) is None
