"""`deploy.assets` of a pipeline file: a folder of the stage's artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from canisters.pipeline_config.pipelines import paths
from dcanary.pipeline import parse_pipeline
from dcanary.pipeline.candid import to_candid
from dcanary.pipeline.errors import PipelineFileError
from dcanary.pipeline.patterns import may_take_below

FILE = """version: 1
name: shop
stages:
  frontend:
    runtime: shell
    commands: [make]
    artifacts: ARTIFACTS
deploy:
  target: frontend
  stage: frontend
  artifact: MODULE
  assets: FOLDER
"""


def file(
    folder: str, artifacts: str = "[dist/, assets.wasm]", module: str = "assets.wasm"
) -> bytes:
    text = FILE.replace("ARTIFACTS", artifacts).replace("FOLDER", folder)
    return text.replace("MODULE", module).encode()


@pytest.mark.parametrize("folder", ["dist/", "dist", "dist/site", "dist/site/"])
def test_a_folder_is_sent_with_a_slash_at_its_end(folder: str) -> None:
    made: Any = to_candid(parse_pipeline(file(folder)), "shop", ["rrkah-fqaaa-aaaaa-aaaaq-cai"])
    assert made["deploy"]["assets"] == f"{folder.rstrip('/')}/"


@pytest.mark.parametrize(
    ("folder", "more", "said"),
    [
        ("build/", {}, "deploy.assets: no artifact of the stage frontend is in build/"),
        ("../dist/", {}, "deploy.assets: must be normalised"),
        ("/dist", {}, "deploy.assets: must be relative"),
        (
            "dist",
            {"module": "dist/a.wasm"},
            "deploy.assets: the module dist/a.wasm would be one of the files",
        ),
        ("dist", {"artifacts": "[assets.wasm, dist]"}, "no artifact of the stage frontend is in"),
    ],
)
def test_a_folder_that_cannot_be_served_is_refused(
    folder: str, more: dict[str, str], said: str
) -> None:
    with pytest.raises(PipelineFileError) as refused:
        parse_pipeline(file(folder, **more))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("artifact", "folder", "expected"),
    [
        ("dist/", "dist/", True),
        ("dist/", "dist/site/", True),
        ("dist/index.html", "dist/", True),
        ("dist/*.js", "dist/", True),
        ("di*", "dist/", True),
        ("**.html", "dist/", True),
        ("dist", "dist/", False),
        ("dist2/", "dist/", False),
        ("other/*.js", "dist/", False),
    ],
)
def test_host_and_canister_agree_on_what_may_be_in_a_folder(
    artifact: str, folder: str, expected: bool
) -> None:
    assert may_take_below(artifact, folder) is expected
    assert paths.may_list_below([artifact], folder) is expected
