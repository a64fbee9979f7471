"""What a result is found by: everything that may reach the stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import dcanary
from dcanary.executor.cache.inputs import CacheFailure, declared
from dcanary.executor.cache.key import Origin, result_key
from dcanary.executor.needed import Needed
from dcanary.executor.source import FILE, LINK, PROGRAM, Entry
from tests.executor.contents import Held

ORIGIN = Origin("aaaaa-aa", "counter", "refs/heads/main")
FILES = (Entry("src/a", FILE, Held(b"a")), Entry("src/b", PROGRAM, Held(b"b")))
GIVEN: dict[str, Any] = {
    "origin": ORIGIN,
    "stage": {"name": "build", "commands": ["make"], "resources": {"memory_bytes": 1}},
    "environment": [{"name": "A", "value": "1"}],
    "runtime": "ab" * 32,
    "sandbox": "bubblewrap",
    "files": FILES,
    "packages": [Needed("packages", {"locks": ["a"]}, "cd" * 32)],
}


def changed(path: str, mode: str, content: bytes) -> tuple[Entry, ...]:
    return (FILES[0], Entry(path, mode, Held(content)))


CHANGES: list[dict[str, Any]] = [
    {"origin": replace(ORIGIN, installation="2vxsx-fae")},
    {"origin": replace(ORIGIN, repository="other")},
    {"origin": replace(ORIGIN, ref="refs/pull/1/head")},
    {"stage": {**GIVEN["stage"], "commands": ["make", "true"]}},
    {"stage": {**GIVEN["stage"], "resources": {"memory_bytes": 2}}},
    {"stage": {**GIVEN["stage"], "added": None}},
    {"environment": [{"name": "A", "value": "2"}]},
    {"environment": []},
    {"runtime": "ba" * 32},
    {"sandbox": "other"},
    {"files": FILES[:1]},
    {"files": changed("src/c", PROGRAM, b"b")},
    {"files": changed("src/b", FILE, b"b")},
    {"files": changed("src/b", LINK, b"b")},
    {"files": changed("src/b", PROGRAM, b"c")},
    {"packages": []},
    {"packages": [Needed("packages", {}, "dc" * 32)]},
    {"packages": [Needed("others", {}, "cd" * 32)]},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_every_part_of_what_a_stage_sees_is_in_the_key(change: dict[str, Any]) -> None:
    assert result_key(**{**GIVEN, **change}) != result_key(**GIVEN)


def test_the_order_of_files_is_not_and_of_two_with_one_path_the_later_counts() -> None:
    assert result_key(**{**GIVEN, "files": FILES[::-1]}) == result_key(**GIVEN)
    hidden = (Entry("src/b", FILE, Held(b"hidden")), *FILES)
    assert result_key(**{**GIVEN, "files": hidden}) == result_key(**GIVEN)


def test_another_version_of_dcanary_finds_none_of_this_ones_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = result_key(**GIVEN)
    monkeypatch.setattr(dcanary, "__version__", "99")
    assert result_key(**GIVEN) != before


def entries(*paths: str) -> list[Entry]:
    return [Entry(path, FILE, Held(b"")) for path in paths]


TREE = entries("Cargo.lock", "README.md", "a/src/x.rs", "src/lib.rs", "src/sub/x.rs", "srcs/x")


@pytest.mark.parametrize(
    ("inputs", "seen"),
    [
        (["src/"], ["src/lib.rs", "src/sub/x.rs"]),
        (["src/*.rs", "Cargo.lock"], ["Cargo.lock", "src/lib.rs"]),
        (["**.rs"], ["a/src/x.rs", "src/lib.rs", "src/sub/x.rs"]),
        (["**"], [each.path for each in TREE]),
        (["src?/"], ["srcs/x"]),
    ],
)
def test_a_stage_sees_what_its_inputs_take(inputs: list[str], seen: list[str]) -> None:
    stage: dict[str, Any] = {"name": "build", "group": None, "cache": {"inputs": inputs}}
    assert [each.path for each in declared(TREE, stage)] == seen


@pytest.mark.parametrize("missing", ["lib/", "Cargo.toml", "*.md5", "src", "READ\\ME"])
def test_an_input_that_takes_nothing_is_named_with_the_stage_of_the_file(missing: str) -> None:
    inputs = ["src/", missing]
    stage: dict[str, Any] = {"name": "build-2", "group": "build", "cache": {"inputs": inputs}}
    with pytest.raises(CacheFailure, match=r"^stages\.build\.cache\.inputs: no file of") as caught:
        declared(TREE, stage)
    assert str(caught.value).endswith(f"the commit matches {missing!a}")
