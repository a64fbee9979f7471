"""Other ways to write a pipeline file: what they become, and errors that name what is written."""

from __future__ import annotations

import pytest

from dcanary.pipeline import PipelineFileError, parse_pipeline

LISTED = """\
version: 1
name: shop
stages:
  - name: build
    runtime: shell
    commands: [make]
    artifacts: [out.wasm]
    resources: {}
  - name: test
    runtime: shell
    depends_on: [build]
    commands: [make test]
"""


def error_of(old: str, new: str) -> str:
    assert old in LISTED
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(LISTED.replace(old, new, 1).encode())
    (error,) = caught.value.errors
    return str(error).removeprefix("dcanary.yml:")


def resources(written: str) -> str:
    return error_of("resources: {}", f"resources: {{{written}}}").partition(" ")[2]


def test_a_list_of_stages_is_the_mapping_of_their_names() -> None:
    mapping = LISTED.replace("  - name: build\n", "  build:\n").replace(
        "  - name: test\n", "  test:\n"
    )
    assert parse_pipeline(LISTED.encode()) == parse_pipeline(mapping.encode())


def test_a_list_may_have_a_matrix_and_its_errors_keep_their_lines() -> None:
    text = LISTED.replace("resources: {}", "matrix: {profile: [debug, release]}")
    text = text.replace("    artifacts: [out.wasm]\n", "")
    assert list(parse_pipeline(text.encode()).stages) == ["build-debug", "build-release", "test"]
    assert error_of("resources: {}", "matrix: {profile: []}").startswith("8:14: stages.build.")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: test", "named: test", "9:5: stages[1]: must be a mapping with the stage's name"),
        ("name: test", "name: 7", "9:5: stages[1]: must be a mapping with the stage's name"),
        ("name: test", "name: build", "9:5: stages[1].name: there is a stage build before"),
        ("commands: [make]", "commands: []", "6:5: stages.build.commands: must have at least 1"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_with_its_place(old: str, new: str, said: str) -> None:
    text = LISTED.replace(old, new, 1)
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode())
    assert str(caught.value.errors[0]).removeprefix("dcanary.yml:").startswith(said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("memory_limit: 2", "stages.build.resources.memory_limit: needs a unit"),
        ("memory_limit: 1B", "stages.build.resources.memory_limit: must be at least 16MiB"),
        ("memory_pages: many", "stages.build.resources.memory_pages: must be a whole number of"),
        ("memory_pages: true", "stages.build.resources.memory_pages: must be a whole number of"),
        ("memory_pages: 1", "stages.build.resources.memory_pages: must be at least 16MiB"),
        ("storage_limit: x", "stages.build.resources.storage_limit: must be a size such as"),
        ("cycles_limit: 1.5n", "stages.build.resources.cycles_limit: must be a whole number"),
        ('timeout: "10 apples"', "stages.build.resources.timeout: must be a duration such as"),
        (
            "memory: 1GiB, memory_pages: 1000",
            "stages.build.resources.memory_pages: says the same as memory: write one of them",
        ),
        (
            "memory_limit: 1GB, memory_pages: 1000",
            "stages.build.resources.memory_pages: says the same as memory_limit: write one",
        ),
    ],
)
def test_a_limit_that_is_wrong_is_told_by_the_name_that_is_written(written: str, said: str) -> None:
    assert resources(written).startswith(said)


def test_a_vote_that_is_wrong_is_told_by_the_name_that_is_written() -> None:
    said = error_of("resources: {}", "consensus_required: 0")
    assert said == "8:5: stages.build.consensus_required: must be at least 1"
