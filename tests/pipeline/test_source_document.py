"""The example pipeline of the document that DCanary was asked for by, as a `dcanary.yml`.

Commands, runtimes and stages are its own. Its limits are those of a canister: pages of memory are a
size here, and instructions and calls cannot be counted for native tools.
"""

from __future__ import annotations

import pytest

from dcanary.image.standard import standard_locks
from dcanary.pipeline import PipelineFileError, parse_pipeline, to_candid

EXAMPLE = """\
version: 1
name: example
stages:
  build_motoko:
    runtime: motoko
    commands: ["moc --version", "moc src/main.mo"]
    resources: {resources}
    replicas: 3
    quorum: 2
  build_rust:
    runtime: rust
    commands: ["cargo build --target wasm32-unknown-unknown"]
    resources: {resources}
    replicas: 3
    quorum: 2
  test_azle:
    runtime: azle
    commands: ["npm test", "azle test"]
    resources: {resources}
    replicas: 3
    quorum: 2
"""


def example(resources: str) -> bytes:
    """The example with the same limits in every stage."""
    return EXAMPLE.replace("{resources}", resources).encode()


def test_the_example_is_a_pipeline_with_its_runtimes_commands_and_votes() -> None:
    limits = '{memory: 64000KiB, storage: "100MB", network_calls: 0, cycles: 0, timeout: 10m}'
    record = to_candid(parse_pipeline(example(limits)), "example")
    locks = standard_locks()
    assert [
        (
            stage["name"],
            next(iter(stage["runtime"])),
            stage["commands"],
            stage["needs"] and stage["needs"]["image"],
        )
        for stage in record["stages"]
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
    for stage in record["stages"]:
        assert (stage["replicas"], stage["quorum"]) == (3, 2)
        # 1000 pages of 64 KiB, and no network.
        assert stage["resources"]["memory_bytes"] == 1000 * 64 * 1024
        assert stage["resources"]["storage_bytes"] == 100_000_000
        assert stage["resources"]["network"] is False


def test_what_the_example_says_as_a_canister_would_is_answered_with_what_to_write() -> None:
    limits = (
        '{memory_pages: 1000, instruction_limit: 20000000000, storage_limit: "100MB", '
        "network_calls: 50}"
    )
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(example(limits))
    told = [error.message for error in caught.value.errors if "build_rust" in error.field]
    assert [words in message for message, words in zip(told, _TOLD, strict=True)] == [True] * 4


_TOLD = (
    "write it as memory: 64000KiB",
    "instructions of native tools cannot be counted: give a timeout",
    "write it as storage: 100MB",
    "calls of native tools cannot be counted",
)
