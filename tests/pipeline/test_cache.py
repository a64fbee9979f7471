"""Stages of a pipeline file whose agreed result may be used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from canisters.pipeline_config.pipelines.rules import pipeline_problem
from dcanary.pipeline import PipelineFileError, parse_pipeline, to_candid

PIPELINE = """\
version: 1
name: counter
stages:
  build:
    runtime: shell
    commands: [make]
    cache:
      inputs: [Cargo.lock, src/, "**.did"]
"""


def errors(text: str, folder: Path | None = None) -> list[str]:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode(), folder=folder)
    return [f"{each.line}: {each.field}: {each.message}" for each in caught.value.errors]


def test_a_cache_is_part_of_a_record_that_the_canister_takes() -> None:
    record = to_candid(parse_pipeline(PIPELINE.encode()), "counter")
    assert record["stages"][0]["cache"] == {"inputs": ["Cargo.lock", "src/", "**.did"]}
    assert pipeline_problem(record) is None


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("[]", "8: stages.build.cache.inputs: must have at least 1 entries"),
        ("[src/, src/]", "8: stages.build.cache.inputs: must name nothing twice"),
        ("[../src]", "8: stages.build.cache.inputs[0]: must be normalised"),
        ("src/", "8: stages.build.cache.inputs: must be a list"),
    ],
)
def test_inputs_are_paths_folders_and_patterns(inputs: str, said: str) -> None:
    (error,) = errors(PIPELINE.replace('[Cargo.lock, src/, "**.did"]', inputs))
    assert error.startswith(said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("secrets: [TOKEN]", "secrets went into is never used again"),
        ("resources: {network: true}", "the network went into is never used again"),
    ],
)
def test_what_depends_on_more_than_inputs_has_no_cache(more: str, said: str) -> None:
    (error,) = errors(f"{PIPELINE}    {more}\n")
    assert error.startswith("7: stages.build.cache: a result that ")
    assert said in error


def make_files(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")


def test_inputs_that_match_no_file_of_the_folder_are_named(tmp_path: Path) -> None:
    make_files(tmp_path, "Cargo.lock", "src/lib.rs", ".git/a.did")
    place = "8: stages.build.cache.inputs"
    assert errors(PIPELINE, tmp_path) == [f"{place}[2]: matches no file of {tmp_path.name}"]
    make_files(tmp_path, "deep/counter.did")
    parse_pipeline(PIPELINE.encode(), folder=tmp_path)
    (tmp_path / "Cargo.lock").unlink()
    (tmp_path / "src/lib.rs").unlink()
    found = errors(PIPELINE, tmp_path)
    assert [each.partition(":")[2].partition(":")[0] for each in found] == [
        " stages.build.cache.inputs[0]",
        " stages.build.cache.inputs[1]",
    ]


def test_links_are_files_as_they_are_in_a_commit(tmp_path: Path) -> None:
    make_files(tmp_path, "elsewhere/x")
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.lock").symlink_to("gone")
    (tmp_path / "src" / "linked").symlink_to("../elsewhere")
    (tmp_path / "a.did").symlink_to("elsewhere/x")
    parse_pipeline(PIPELINE.encode(), folder=tmp_path)


@pytest.mark.parametrize("inputs", ["[1]", "[../x]", "x", "{a: b}"])
def test_what_is_no_input_is_reported_once(tmp_path: Path, inputs: str) -> None:
    assert len(errors(PIPELINE.replace('[Cargo.lock, src/, "**.did"]', inputs), tmp_path)) == 1


def test_stages_that_fetch_have_none() -> None:
    fetch = "kind: fetch\n    locks: [Cargo.lock]"
    text = PIPELINE.replace("runtime: shell\n    commands: [make]", fetch)
    (error,) = errors(text)
    assert error.startswith("7: stages.build.cache: is not a known key here")
