"""The example pipeline of the document that DCanary was asked for by, as a `dcanary.yml`.

Its stages, runtimes, commands, limits and votes are written as the document writes them. What no
executor can keep of it is refused with the reason: instructions, and a spread over the globe. That
the example runs is shown in tests/e2e/test_source_document.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.image.standard import standard_locks
from dcanary.pipeline import PipelineFileError, parse_pipeline, to_candid

EXAMPLE = """\
version: 1
name: example
stages:
  - name: "build_motoko"
    runtime: "motoko"
    commands: ["moc --version", "moc src/main.mo"]
    resources: {resources}
    replicas: 3
    consensus_required: 2
  - name: "build_rust"
    runtime: "rust"
    commands: ["cargo build --target wasm32-unknown-unknown"]
    resources: {resources}
    replicas: 3
    consensus_required: 2
  - name: "test_azle"
    runtime: "azle"
    commands: ["npm test", "azle test"]
    resources: {resources}
    replicas: 3
    consensus_required: 2
"""
BUILD_CONFIG = '{memory_limit: "2GB", cycles_limit: 1000000000n, timeout: "10 minutes"}'
RESOURCE_CONFIG = '{memory_pages: 1000, storage_limit: "100MB", network_calls: 50}'


def example(resources: str) -> str:
    """The example with the same limits in every stage."""
    return EXAMPLE.replace("{resources}", resources)


def stages_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = to_candid(parse_pipeline(text.encode()), "example")["stages"]
    return found


def errors_of(text: str) -> list[str]:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode())
    return [str(error) for error in caught.value.errors]


def test_the_example_is_a_pipeline_with_its_runtimes_commands_and_votes() -> None:
    locks = standard_locks()
    stages = stages_of(example(BUILD_CONFIG))
    assert [
        (
            stage["name"],
            next(iter(stage["runtime"])),
            stage["commands"],
            stage["needs"] and stage["needs"]["image"],
        )
        for stage in stages
    ] == [
        ("build_motoko", "Motoko", ["moc --version", "moc src/main.mo"], None),
        (
            "build_rust",
            "Rust",
            ["cargo build --target wasm32-unknown-unknown"],
            locks["rust"].digest,
        ),
        ("test_azle", "Azle", ["npm test", "azle test"], locks["azle"].digest),
    ]
    assert {(stage["replicas"], stage["quorum"]) for stage in stages} == {(3, 2)}


def test_its_limits_are_those_that_the_sandbox_keeps() -> None:
    for stage in stages_of(example(BUILD_CONFIG)):
        assert stage["resources"]["memory_bytes"] == 2_000_000_000
        assert stage["resources"]["timeout_seconds"] == 600
    for stage in stages_of(example(RESOURCE_CONFIG)):
        assert stage["resources"]["memory_bytes"] == 1000 * 64 * 1024
        assert stage["resources"]["storage_bytes"] == 100_000_000
        # Without a network there are at most 50 calls.
        assert stage["resources"]["network"] is False


def test_what_no_executor_can_keep_of_it_is_refused_with_the_reason() -> None:
    limits = RESOURCE_CONFIG.replace("storage", "instruction_limit: 20_000_000_000n, storage")
    spread = "    geographic_distribution: true\n"
    assert errors_of(example(limits) + spread) == [
        *(
            f"dcanary.yml:{line}:37: stages.{stage}.resources.instruction_limit: "
            "instructions of native tools cannot be counted: give a timeout"
            for line, stage in ((7, "build_motoko"), (13, "build_rust"), (19, "test_azle"))
        ),
        "dcanary.yml:22:5: stages.test_azle.geographic_distribution: where executors stand cannot "
        "be proved: votes are counted by operator. Leave it out, or ask for a region with needs",
    ]
    assert stages_of(example(RESOURCE_CONFIG) + spread.replace("true", "false"))
