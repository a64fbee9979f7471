"""Stages of a pipeline file that fetch packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canisters.pipeline_config.pipelines.rules import pipeline_problem
from dcanary.pipeline import PipelineFileError, load_pipeline, parse_pipeline, to_candid

PIPELINE = """\
version: 1
name: site
stages:
  packages:
    kind: fetch
    locks: [package-lock.json]
  build:
    runtime: node
    depends_on: [packages]
    commands: [npm ci]
"""
LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "site"},
        "node_modules/ms": {
            "version": "2.1.3",
            "resolved": "https://registry.npmjs.org/ms/-/ms-2.1.3.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
        },
    },
}


def load(folder: Path, text: str = PIPELINE, lock: Any = LOCK) -> Any:
    (folder / "dcanary.yml").write_text(text)
    if lock is not None:
        (folder / "package-lock.json").write_text(json.dumps(lock, indent=1))
    return load_pipeline(folder / "dcanary.yml")


def errors(folder: Path, text: str = PIPELINE, lock: Any = LOCK) -> list[str]:
    with pytest.raises(PipelineFileError) as caught:
        load(folder, text, lock)
    return [f"{each.line}: {each.field}: {each.message}" for each in caught.value.errors]


def test_a_fetch_stage_is_a_record_that_the_canister_takes(tmp_path: Path) -> None:
    hosts = "    hosts: [registry.npmjs.org, 'npm.example.org:8443']\n    replicas: 5\n"
    text = PIPELINE.replace(
        "  build:\n", f"{hosts}    quorum: 3\n    needs: {{region: eu}}\n  build:\n"
    )
    record = to_candid(load(tmp_path, text), "site")
    assert pipeline_problem(record) is None
    packages, build = record["stages"]
    assert packages["fetch"] == {
        "locks": ["package-lock.json"],
        "hosts": ["registry.npmjs.org", "npm.example.org:8443"],
    }
    assert (packages["commands"], packages["artifacts"]) == ([], ["packages.manifest"])
    assert (packages["replicas"], packages["quorum"]) == (5, 3)
    assert packages["needs"] == {
        "cpus": None,
        "image": None,
        "region": "eu",
        "image_lock": None,
        "labels": [],
    }
    assert build["fetch"] is None


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "    locks: [package-lock.json]\n",
            "    commands: [npm ci]\n    locks: [package-lock.json]\n",
            "6: stages.packages.commands: is not a known key here: "
            "use one of kind, locks, hosts, keep, replicas, quorum, needs, grace, parallel, "
            "matrix",
        ),
        ("    locks: [package-lock.json]\n", "", "4: stages.packages.locks: is missing"),
        ("[package-lock.json]", "[]", "6: stages.packages.locks: must have at least 1 entries"),
        (
            "[package-lock.json]",
            "[package-lock.json]\n    keep: chain",
            "7: stages.packages.keep: must be executors: of packages only the manifest goes on "
            "chain",
        ),
        (
            "[package-lock.json]",
            "[package-lock.json]\n    hosts: ['https://npm.org/']",
            "7: stages.packages.hosts[0]: must be a host's name, such as registry.example.org, "
            "or name:port",
        ),
        ("kind: fetch", "kind: download", "5: stages.packages.kind: must be build or fetch"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_field(
    tmp_path: Path, old: str, new: str, error: str
) -> None:
    assert error in errors(tmp_path, PIPELINE.replace(old, new))


def test_a_lock_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert errors(tmp_path, lock=None) == [
        "6: stages.packages.locks[0]: package-lock.json: there is no such file in the commit: "
        "commit it"
    ]


def test_a_lock_without_hashes_is_told_with_its_own_line(tmp_path: Path) -> None:
    lock = json.loads(json.dumps(LOCK))
    del lock["packages"]["node_modules/ms"]["integrity"]
    (error,) = errors(tmp_path, lock=lock)
    start = "6: stages.packages.locks[0]: package-lock.json line 7: ms@2.1.3 has no integrity"
    assert error.startswith(start)


def test_a_package_of_a_host_that_is_not_allowed_is_told(tmp_path: Path) -> None:
    text = PIPELINE.replace("[package-lock.json]", "[package-lock.json]\n    hosts: [a.org]")
    (error,) = errors(tmp_path, text)
    assert "package-lock.json line 7: ms 2.1.3: registry.npmjs.org is not on the list" in error


def test_a_file_of_no_known_kind_is_told_even_without_the_folder(tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(PIPELINE.replace("package-lock.json", "Gemfile.lock").encode())
    (error,) = caught.value.errors
    assert error.field == "stages.packages.locks[0]"
    assert error.message.startswith("Gemfile.lock is no lock file that is known: known are ")
