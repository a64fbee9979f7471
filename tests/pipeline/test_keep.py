"""`keep` of a stage with commands: where its files stay."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.pipeline.candid import to_stages
from dcanary.pipeline.errors import PipelineFileError
from dcanary.pipeline.loader import parse_pipeline

PIPELINE = """\
version: 1
name: demo
stages:
  lib: {runtime: shell, commands: [make lib], artifacts: [lib.a], KEEP}
  app: {runtime: shell, commands: [make], artifacts: [app.wasm], depends_on: [lib]}
"""


def stages(keep: str) -> list[dict[str, Any]]:
    return to_stages(parse_pipeline(PIPELINE.replace("KEEP", keep).encode()))


def errors(text: str) -> list[str]:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode())
    return [f"{error.field}: {error.message}" for error in caught.value.errors]


def test_files_stay_on_chain_unless_the_file_says_otherwise() -> None:
    assert [each["keep"] for each in stages("keep: executors")] == [{"Executors": None}, None]
    assert [each["keep"] for each in stages("keep: chain")] == [None, None]


def test_what_is_deployed_must_be_on_chain() -> None:
    text = PIPELINE.replace("KEEP", "keep: executors")
    text += "deploy: {target: demo, stage: lib, artifact: lib.a}\n"
    assert errors(text) == [
        "deploy.stage: the files of lib stay with executors (keep): "
        "what is deployed must be on chain"
    ]


def test_a_stage_with_secrets_keeps_its_files_on_chain() -> None:
    said = "must be chain: the files of a stage with secrets cannot be built again without them"
    found = errors(PIPELINE.replace("KEEP", "keep: executors, secrets: [TOKEN]"))
    assert found == [f"stages.lib.keep: {said}"]


def test_another_place_is_refused_with_line_and_field() -> None:
    (error,) = errors(PIPELINE.replace("KEEP", "keep: nowhere"))
    assert error.startswith("stages.lib.keep: must be chain or executors")
