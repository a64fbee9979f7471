"""Registered pipelines as files: what is written is read back equal, or it is said what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.cli.operations.drafts.changes import changes, line_diff
from dcanary.cli.operations.drafts.export import lost, text_of
from dcanary.cli.operations.drafts.yaml_text import to_yaml
from dcanary.pipeline import parse_pipeline, to_candid
from dcanary.pipeline.source import read_source
from tests.docs.pages import ROOT, blocks
from tests.docs.pages import text_of as page

SOMEONE = "rrkah-fqaaa-aaaaa-aaaaq-cai"
(EXAMPLE,) = [
    block.text
    for block in blocks(page("reference/dcanary-yml.md"))
    if block.language == "yaml" and block.text.startswith("version: 1\nname: shop\n\non:")
]
FILES = sorted((ROOT / "examples").rglob("dcanary.yml"))
WHOLE = f"""\
version: 1
name: whole
on: {{push: {{branches: [main, "rel/*"]}}, tag: {{patterns: ["v*"]}}, manual: false}}
environment: {{TRUTH: "true", NUMBER: "08", LINES: "a\\nb\\n ", EMPTY: "", DOLLAR: "${{HOME}}"}}
stages:
  packages: {{kind: fetch, locks: [package-lock.json], hosts: ["r.example.org:443"], grace: 2m}}
  build:
    runtime: rust
    commands: ["echo 'a: b' # c", "if true; then\\n  x\\nfi"]
    depends_on: [packages]
    secrets: [TOKEN]
    reports: {{tests: out/tests.xml, flaky: fail}}
    artifacts: [out/tests.xml, out/a.wasm, "dist/"]
    retries: {{command: 1, time_limit: 2}}
    needs: {{cpus: 2, region: "e u", labels: ["1"]}}
    resources: {{network: true}}
    parallel: 3
  check:
    runtime: shell
    image: {"ab" * 32}
    commands: [x]
    keep: executors
    cache: {{inputs: [src/, "*.txt"]}}
    resources: {{memory: 123456789B, timeout: 1m30s}}
    replicas: 5
    quorum: 3
gates: [{{max_artifact_size: 2MiB}}]
approval: {{approvers: [{SOMEONE}], expires: 12h}}
deploy:
  - target: a
    stage: build
    artifact: out/a.wasm
    mode: upgrade
    install_arg: '(principal "${{canister:b}}", "to ${{canister:b}} of \\u{{24}}{{x}}", 42 : nat8)'
    upgrade_arg: {{hex: "4449444c0000"}}
    memory: keep
  - {{target: b, stage: build, artifact: out/a.wasm, install_arg: '(record {{1; "x"}})'}}
queue: 1h
priority: 9
template: ours@3
"""


def record_of(text: str) -> Any:
    return to_candid(parse_pipeline(text.encode()), "shop", [SOMEONE])


@pytest.mark.parametrize("text", [EXAMPLE, WHOLE, *(file.read_text() for file in FILES)])
def test_a_pipeline_is_written_so_that_it_reads_back_equal(text: str) -> None:
    definition = record_of(text)
    written = text_of(definition)
    assert lost(definition, written) == []
    assert record_of(written) == definition


def test_there_are_files_of_examples() -> None:
    assert FILES


def test_standard_images_and_references_are_written_as_people_write_them() -> None:
    written = text_of(record_of(WHOLE))
    build = written[written.index("  build:") : written.index("  check:")]
    assert "image" not in build
    assert 'principal "${canister:b}"' in written


@pytest.mark.parametrize("size", ["2GB", "100MB", "2GiB", "17MiB", "123456789B", "65537KiB"])
def test_sizes_are_written_as_people_write_them(size: str) -> None:
    stage = f"{{runtime: shell, commands: [x], resources: {{storage: {size}}}}}"
    written = text_of(record_of(f"version: 1\nname: x\nstages: {{a: {stage}}}"))
    assert f"storage: {size}\n" in written


def test_a_lock_file_is_named_where_it_is_and_its_digest_elsewhere(tmp_path: Path) -> None:
    from dcanary.image.standard import standard_lock

    standard = standard_lock("rust")
    assert standard is not None
    (tmp_path / "own.lock").write_bytes(standard.read_bytes())
    text = b"version: 1\nname: x\nstages: {a: {runtime: shell, image: own.lock, commands: [x]}}"
    definition: Any = to_candid(parse_pipeline(text, folder=tmp_path), "shop")
    written = text_of(definition, tmp_path)
    assert "image: own.lock" in written
    assert lost(definition, written, tmp_path) == []
    alone = text_of(definition)
    assert "own.lock" not in alone
    assert lost(definition, alone) == ["stages.a"]


def test_what_a_file_cannot_say_is_named() -> None:
    definition = record_of(EXAMPLE)
    definition["triggers"] = [{"Push": ["a"]}, {"Push": ["b"]}]
    definition["stages"][0]["group"] = "all"
    written = text_of(definition)
    assert lost(definition, written) == ["triggers", "stages.frontend"]
    assert "- a\n      - b\n" in written


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_TEXT, _VALUES, min_size=1, max_size=3))
def test_every_value_is_read_back_equal(values: dict[str, Any]) -> None:
    source = read_source(to_yaml(values).encode(), "x")
    assert (source.value, source.errors) == (values, [])


@pytest.mark.parametrize(
    "text", ["08", "on", "yes", "0x1", "1_000", "1.5", "~", "true", "a: b", "1:2"]
)
def test_texts_that_look_like_other_values_stay_texts(text: str) -> None:
    assert read_source(to_yaml({"on": text}).encode(), "x").value == {"on": text}


def test_changes_name_stages_and_fields() -> None:
    before, after = record_of(EXAMPLE), record_of(EXAMPLE)
    assert changes(before, after) == []
    after["stages"][0]["commands"] = ["x"]
    after["stages"].append({**after["stages"][1], "name": "more"})
    after["gates"] = []
    found = changes(before, after)
    assert found == ["stage frontend changed", "stage more added", "gates removed"]
    after["stages"] = before["stages"][::-1]
    assert changes(before, after) == ["order of stages changed", "gates removed"]


def test_a_change_that_a_file_does_not_show_is_one_all_the_same() -> None:
    before, after = record_of(EXAMPLE), record_of(EXAMPLE)
    after["stages"][0]["group"] = "all"
    (told,) = changes(before, after)
    assert "groups of a matrix" in told


def test_a_diff_shows_lines_with_their_signs() -> None:
    before, after = record_of(EXAMPLE), record_of(EXAMPLE)
    after["stages"][0]["commands"] = ["node other.js"]
    lines = line_diff(before, after, "version 1", "draft")
    assert "-      - node build.js" in lines
    assert "+      - node other.js" in lines
    assert line_diff(before, before, "a", "b") == []
    assert "+version: 1" in line_diff(None, after, "nothing", "draft")
